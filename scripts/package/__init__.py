"""A trained pipeline becomes a wheel, which is searched for text of the notes before it is kept."""
