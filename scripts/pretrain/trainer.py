"""Hugging Face's Trainer, with our loss, our order of the batches and our checkpoints."""

from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import SequentialSampler
from transformers.trainer import Trainer
from transformers.trainer_callback import PrinterCallback
from transformers.training_args import TrainingArguments
from wasabi import msg

from scripts.encoders import WARMUP, reporting_faults
from scripts.pretrain.batches import Batches
from scripts.pretrain.checkpoints import Keeper, last_checkpoint, seconds_of, step_of
from scripts.pretrain.encoder import Encoder
from scripts.pretrain.loss import summed_loss


class Pretrainer(Trainer):
    """The Trainer with the loss of the hidden pieces, and the batches in the order of the steps."""

    def __init__(self, encoder: Encoder, batches: Batches, arguments: TrainingArguments) -> None:
        super().__init__(encoder.model, arguments, train_dataset=batches, data_collator=lambda items: items[0])
        self.batches = batches
        self.remove_callback(PrinterCallback)

    def compute_loss(self, model: Any, inputs: dict[str, Tensor], *_: Any, **__: Any) -> Any:
        loss, pieces = summed_loss(model, inputs)
        return loss / max(pieces, 1)

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(self.batches)


def make_trainer(encoder: Encoder, batches: Batches, settings: dict[str, Any], work: Path) -> Pretrainer:
    """A Trainer that saves only when its callback says so, and logs nothing."""
    on_cpu = encoder.model.device.type == "cpu"
    arguments = TrainingArguments(
        str(work),
        per_device_train_batch_size=1,  # an item is a batch
        num_train_epochs=1,  # of all batches, those of every epoch
        learning_rate=settings["learning_rate"],
        warmup_steps=max(1, int(WARMUP * len(batches))),
        weight_decay=0.01,
        optim="adamw_torch_fused",
        seed=batches.seed,
        use_cpu=on_cpu,
        save_strategy="no",
        save_total_limit=2,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=not on_cpu,
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # or the Trainer would divide each batch among all GPUs
    return Pretrainer(encoder, batches, arguments)


def run(trainer: Pretrainer, work: Path) -> float:
    """Train, from the last checkpoint if there is one.

    RETURNS (float): Seconds that it took, those before a stop included.
    """
    checkpoint = last_checkpoint(work)
    if checkpoint:
        msg.info(f"Going on from step {step_of(checkpoint)}")
    keeper = Keeper(seconds_of(checkpoint) if checkpoint else 0.0)
    trainer.add_callback(keeper)
    with reporting_faults(work):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return keeper.seconds
