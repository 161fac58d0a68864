"""What a trained pipeline needs where it runs: encoder, entity recognizer, tokenizer, and how it reads streams.

The folder travels inside the packaged models, so it imports nothing of the project and all its imports of its own
modules are relative. What it registers with spaCy goes by `registered`.
"""

# In a package the digest of this folder, written by package/build.py, so that two packages in one process never share
# a registered name unless their code is the same.
CODE = ""

# The names that are registered, without the code's version.
NAMES: set[str] = set()


def registered(name: str) -> str:
    """Record a name, and give it the version of this code.

    name (str): Such as medner.TransformerModel.v1, or of a factory, in which spaCy allows no dots: medner_ner.
    RETURNS (str): The name to register.
    """
    NAMES.add(name)
    return versioned(name, CODE)


def versioned(name: str, code: str) -> str:
    """A registered name as the code of a digest has it; as it is if there is none."""
    return f"{name}{'.' if '.' in name else '_'}{code}" if code else name
