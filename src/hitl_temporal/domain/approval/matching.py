"""The largest number of pairs: each of one side with one of the other, nobody twice.

Must not know: votes, people.
"""

from collections.abc import Sequence


def most_pairs(choices: Sequence[frozenset[int]]) -> int:
    """Return how many can be given a choice of their own.

    Args:
        choices: What each of one side could be given, as numbers of the other side.
    """
    taken: dict[int, int] = {}

    def give(one: int, tried: set[int]) -> bool:
        for choice in sorted(choices[one] - tried):
            tried.add(choice)
            if choice not in taken or give(taken[choice], tried):
                taken[choice] = one
                return True
        return False

    return sum(give(one, set()) for one in range(len(choices)))
