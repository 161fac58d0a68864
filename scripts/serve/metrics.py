"""What Prometheus reads: counts and times, by route and model; no word of a note, and no path that a client made up."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from scripts.serve.annotator import Annotator, Answer

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counts of a service since it was started, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "medner_requests", "Requests that were answered", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "medner_request_seconds", "From the header of a request to the end of its answer", ["route"],
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._notes = Counter("medner_notes", "Notes by what became of them", ["model", "outcome"], registry=registry)
        self._words = Counter("medner_words", "Words that were read, blanks not counted", ["model"], registry=registry)
        self._mentions = Counter("medner_mentions", "Mentions that were found", ["model", "label"], registry=registry)
        self._waiting = Gauge("medner_waiting_notes", "Notes that are not answered yet", ["model"], registry=registry)

    def watch(self, name: str, annotator: Annotator) -> None:
        """Show how many notes wait for a model."""
        self._waiting.labels(name).set_function(lambda: annotator.waiting)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request.

        route (str): As the program names it, such as "/annotate"; "" for a request that was refused before.
        """
        self._requests.labels(route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def count_answer(self, model: str, answer: Answer) -> None:
        self._notes.labels(model, "failed" if answer.failure else "annotated").inc()
        self._words.labels(model).inc(answer.words)
        for label in answer.labels:
            self._mentions.labels(model, label).inc()

    def render(self) -> bytes:
        """Everything in the text format of Prometheus."""
        return generate_latest(self._registry)
