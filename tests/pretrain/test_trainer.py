"""The Trainer takes our rate, our batches in their order and our loss."""

import pytest
from torch.utils.data import SequentialSampler

from scripts.pretrain.batches import Batches
from scripts.pretrain.encoder import load_encoder
from scripts.pretrain.loss import summed_loss
from scripts.pretrain.trainer import Pretrainer, make_trainer, run


@pytest.fixture
def trainer(tiny, corpus, tmp_path) -> Pretrainer:
    encoder = load_encoder(str(tiny("bert")), 0)
    batches = Batches(corpus.parts.train, encoder, 3, None, 5)
    return make_trainer(encoder, batches, {"learning_rate": 0.0072}, tmp_path / "work")


def test_the_rate_of_the_settings_is_warmed_up_and_falls_to_zero(trainer):
    steps = len(trainer.batches)
    assert trainer.args.learning_rate == 0.0072 and trainer.args.seed == 5
    optimizer, schedule = trainer.create_optimizer_and_scheduler(steps) or (trainer.optimizer, trainer.lr_scheduler)
    rates = []
    for _ in range(steps):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    warmup = steps // 10
    assert rates[0] == 0 and max(rates) == rates[warmup] == pytest.approx(0.0072)
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True) and schedule.get_last_lr()[0] == 0


def test_each_step_gets_the_batch_of_its_number(trainer):
    assert isinstance(trainer._get_train_sampler(), SequentialSampler)
    loaded = list(trainer.get_train_dataloader())
    assert len(loaded) == len(trainer.batches)
    assert all((batch["labels"] == trainer.batches[step]["labels"]).all() for step, batch in enumerate(loaded))


def test_the_loss_is_the_mean_of_the_hidden_pieces(trainer):
    trainer.model.eval()
    batch = trainer.batches[0]
    total, pieces = summed_loss(trainer.model, batch)
    assert trainer.compute_loss(trainer.model, batch).item() == pytest.approx(total.item() / pieces, rel=1e-5)


def test_the_seconds_before_a_stop_count(trainer, tmp_path, monkeypatch):
    def train(resume_from_checkpoint):
        assert resume_from_checkpoint == str(work / "checkpoint-7")

    work = tmp_path / "work"
    (work / "checkpoint-7").mkdir(parents=True)
    (work / "checkpoint-7" / "complete.json").write_text('{"seconds": 100.0}')
    monkeypatch.setattr(trainer, "train", train)
    assert 100 < run(trainer, work) < 110
