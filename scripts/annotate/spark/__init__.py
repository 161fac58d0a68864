"""Notes in bulk are annotated on the cores of a Spark cluster."""
