"""A run on Spark, from the session to the counts."""

from collections import Counter
from typing import NamedTuple

from wasabi import msg

from scripts.annotate.annotation import describe
from scripts.annotate.run import Result, Run
from scripts.annotate.spark.session import open_session
from scripts.cli import InputError
from scripts.corpus.pipelines import check_confidence, load_pipeline


class Done(NamedTuple):
    """What came of a run.

    result (Result): What is in the output.
    unused (Counter[str]): By suffix, the files that are no notes.
    """

    result: Result
    unused: Counter[str]


def annotate_on_spark(run: Run, master: str, table: str, resume: bool) -> Done:
    """Annotate notes on a cluster.

    run (Run): Its model is an installed package, on the workers as well.
    master (str): The cluster, "" for that of spark-submit, else the cores of this machine.
    table (str): A table of Spark's catalog, in place of an input.
    resume (bool): Whether to go on with an output.
    RAISES (InputError): Something has to be corrected first.
    """
    described = describe_package(run)
    with open_session(master) as spark:
        # Imported here, where it is sure that there is PySpark
        from scripts.annotate.spark.job import annotate_source, count_output
        from scripts.annotate.spark.output import Output
        from scripts.annotate.spark.source import open_source, open_table

        source = open_table(spark, table, run.columns) if table else open_source(spark, run.input, run.columns)
        output = Output(spark, run.output, run.to)
        output.begin({"input": run.input or table, **described, **run.settings()}, resume)
        if output.is_finished():
            msg.info(f"Nothing is left to do: {run.output} is finished")
            return Done(count_output(output), source.unused)
        return Done(annotate_source(source, output, run.model, described, run.min_confidence), source.unused)


def describe_package(run: Run) -> dict[str, str]:
    """Which pipeline a package has.

    RAISES (InputError): It is not installed, or gives no confidence that is asked for.
    """
    if "/" in run.model:
        raise InputError(f"Spark's workers need {run.model} as a package: install its wheel there, and give its name.")
    nlp = load_pipeline(run.model)
    if run.min_confidence:
        check_confidence(nlp, f"leave --min-confidence {run.min_confidence:g} out")
    return describe(nlp)
