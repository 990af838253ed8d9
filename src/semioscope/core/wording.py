"""Numbers and lists as they stand in sentences: one or several, and the last with *and*."""

from collections.abc import Sequence


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Return a number and its noun, which is in the singular after 1 only.

    Args:
        number: How many.
        noun: Of one.
        nouns: Of several; empty means with an s.

    Examples:
        >>> counted(1, "file"), counted(0, "file"), counted(2, "patient is", "patients are")
        ('1 file', '0 files', '2 patients are')
    """
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"


def join_words(words: Sequence[str], last: str = "and") -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``; empty for none.

    Args:
        words: In their order.
        last: What stands before the last one.

    Examples:
        >>> join_words(["a", "b", "c"]), join_words(["a", "b"], "or")
        ('a, b and c', 'a or b')
    """
    return f" {last} ".join([*filter(None, [", ".join(words[:-1])]), *words[-1:]])


def numbered(noun: str, numbers: Sequence[int]) -> str:
    """Return things that are told by their numbers.

    Examples:
        >>> numbered("fold", [0]), numbered("fold", [0, 2, 3])
        ('fold 0', 'folds 0, 2 and 3')
    """
    return f"{noun}{'' if len(numbers) == 1 else 's'} {join_words([str(number) for number in numbers])}"
