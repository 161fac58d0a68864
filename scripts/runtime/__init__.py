"""What a trained pipeline needs where it runs: the encoder, the entity recognizer, the tokenizer and reading of streams.

The folder travels inside the packaged models, so it imports nothing of the project and all its imports of its own
modules are relative. What it registers with spaCy goes by `registered`.
"""

# In a package the digest of this folder, written by package/build.py, so that two packages in one process never share
# a registered name unless their code is the same.
CODE = ""

# The names that are registered, without the code's version.
NAMES: set[str] = set()


def registered(name: str) -> str:
    """Record a name, and give it the code's version.

    name (str): Such as medner.TransformerModel.v1, or of a factory, in which spaCy allows no dots: medner_ner.
    RETURNS (str): The name to register, as it is if the code has no version.
    """
    NAMES.add(name)
    return f"{name}{'.' if '.' in name else '_'}{CODE}" if CODE else name
