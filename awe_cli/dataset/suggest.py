"""How a file could be prepared, guessed from the names and the values of its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from awe_cli.dataset.splits import SPLITS
from awe_cli.io.profile import NUMBER, TEXT, TIME, WHOLE, Column


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words in the names of columns, in English lower case.
_USER = _words_of(
    """
    user users userid uid person people customer customerid member visitor session sessionid account
    reader listener reviewer reviewerid household buyer client patient player student playlist
    """
)
_ITEM = _words_of(
    """
    item items itemid iid product productid article track song artist movie movieid film book isbn asin
    sku video game recipe business hotel poi venue location course app restaurant listing job ad thing
    """
)
_WEIGHT = _words_of(
    """
    rating ratings stars weight plays playcount play count counts quantity qty listens clicks views
    overall score
    """
)
_TIME = _words_of(
    """
    time timestamp date datetime ts created day unixreviewtime
    """
)
_LABELS = _words_of(
    """
    label labels tag tags category categories class classes genre genres keyword keywords topic topics
    subject subjects target intent hashtags
    """
)
_TEXT = _words_of(
    """
    text title body abstract description content sentence query review document summary headline
    question utterance definition comment message
    """
)
_ID = _words_of(
    """
    id key uuid docid example url name
    """
)
_QUERY, _DOCUMENT = _words_of("query queryid qid"), _words_of("document documentid docid doc corpusid")
_FEW_WORDS = 4.0  # on average, in what is no text
_MOST_CLASSES = 2000
_INDICES, _VALUES = _words_of("indices index ids features terms"), _words_of("values weights counts")


@dataclass(frozen=True)
class Suggestion:
    """How a file could be prepared.

    kind     recommendation or annotation; None where it cannot be told
    options  option → value, as for `awe prepare`; "" for one without a value
    notes    what was guessed, and what else to think of
    """

    kind: str | None
    options: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """The options as words of a command line."""
        return [word for flag, value in self.options.items() for word in (flag, value) if word]


def suggest(columns: Sequence[Column], rows: int, format: str) -> Suggestion:
    """The most likely way to prepare a file with these columns, of which `rows` rows were looked at."""
    if format in ("libsvm", "fasttext", "annif"):
        return Suggestion("annotation", {}, ("the format says itself what is what: no column need be named",))
    if format == "trec":
        return Suggestion(
            None,
            {},
            (
                "judgements or a run of TREC: give them as --relevance, beside files with --queries and --documents",
            ),
        )
    return _Guess(columns, rows).suggestion()


def _pairs_of(query: Column, document: Column) -> Suggestion:
    use = "name the file with --relevance, beside --queries and --documents"
    return Suggestion(None, {}, (f"pairs of {query.name} and {document.name}: {use}",))


def _things(column: Column) -> Suggestion:
    """A file with a row for each of something."""
    if _words(column) & _QUERY:
        use = "name the file with --queries, beside --documents and --relevance"
    elif _words(column) & _DOCUMENT:
        use = "name the file with --documents, beside --queries and --relevance"
    else:
        use = "if these are features of items or people, name the file with --label-file or --user-file, beside the "
        use += "interactions"
    return Suggestion(None, {}, (f"a row for each {column.name}: {use}",))


class _Guess:
    def __init__(self, columns: Sequence[Column], rows: int) -> None:
        self._rows = rows
        self._split = next((one for one in columns if _is_split(one)), None)
        self._columns = [one for one in columns if one is not self._split and one.distinct != 0]
        self._notes: list[str] = []

    def suggestion(self) -> Suggestion:
        query, document = self._named(_QUERY, _is_id), self._named(_DOCUMENT, _is_id)
        if query and document:
            return _pairs_of(query, document)
        user, item = self._named(_USER, _is_id), self._named(_ITEM, _is_id)
        if user and item and user is not item:
            return self._interactions(user, item)
        found = self._annotation()
        if found is not None:
            return found
        things = next((one for one in self._columns if _is_id(one)), None)
        if things is not None and things.distinct == self._rows > 1 and things.name == self._columns[0].name:
            return _things(things)
        pair = self._pair()
        if pair is not None:
            return self._interactions(*pair, guessed=True)
        return Suggestion(
            None,
            {},
            (
                "no columns look like a user and an item, or like labels beside text or features: name them with "
                "--user and --item, or --labels and --text, --features or --sparse",
            ),
        )

    def _interactions(self, user: Column, item: Column, *, guessed: bool = False) -> Suggestion:
        options = {"--user": user.name, "--item": item.name}
        if guessed:
            self._notes.append(
                f"guessed: {user.name} is who chooses, {item.name} what is chosen; exchange them if it is the other way"
            )
        weight = self._named(_WEIGHT, lambda one: one.type in (WHOLE, NUMBER) and not one.listed)
        if weight is not None and weight.low is not None and weight.low > 0 and weight.distinct != 1:
            options["--weight"] = weight.name
            if weight.high <= 10:
                least = weight.low + 0.6 * (weight.high - weight.low)
                self._notes.append(
                    f"where {weight.name} is a rating, --min-weight {least:.2g} keeps what was liked"
                )
        elif weight is not None and weight.low is not None and weight.low <= 0:
            self._notes.append(f"{weight.name} goes down to {weight.low}: a --weight must be above 0")
        time = self._named(_TIME, lambda one: one.type in (TIME, WHOLE, NUMBER) and not one.listed)
        options |= self._with_split()
        if time is not None and self._split is None:
            options |= {"--time": time.name, "--holdout-last": "1"}
            self._notes.append("each person's latest item is held out for test; more with --holdout-last 5")
        return Suggestion("recommendation", options, tuple(self._notes))

    def _annotation(self) -> Suggestion | None:
        text = self._named(_TEXT, _is_prose) or next(
            (one for one in self._columns if _is_prose(one) and not _words(one) & _LABELS), None
        )
        labels = self._labels(text)
        if labels is None:
            return None
        features = self._features(labels)
        if text is None and not features:
            return None
        options = {"--text": text.name} if text is not None else features
        options["--labels"] = labels.name
        if labels.joined:
            options["--label-separator"] = labels.joined
        unique = [
            one for one in self._columns if one.distinct == self._rows and one.missing == 0 and _is_id(one)
        ]
        id = next((one for one in unique if _words(one) & _ID and one not in (text, labels)), None)
        if id is not None:
            options["--id"] = id.name
        if text is not None and features and len(features) == 1:
            others = next(iter(features.values()))
            self._notes.append(f"numbers beside the text were left out: {others}")
        return Suggestion("annotation", options | self._with_split(), tuple(self._notes))

    def _labels(self, text: Column | None) -> Column | None:
        named = self._named(_LABELS, lambda one: one.type in (TEXT, WHOLE) and one is not text)
        if named is not None:
            return named
        lists = [
            one for one in self._columns if one.listed and one.type == TEXT and not _words(one) & _INDICES
        ]
        if len(lists) == 1:
            return lists[0]
        classes = [
            one
            for one in self._columns
            if one is not text and one.type == TEXT and not one.listed and one.length <= _FEW_WORDS
            and one.distinct is not None and 2 <= one.distinct <= min(_MOST_CLASSES, self._rows / 5)
        ]  # fmt: skip
        numbers = any(one.type in (NUMBER, WHOLE) and one.fixed for one in self._columns)
        if len(classes) == 1 and (text is not None or numbers or len(self._columns) > 4):
            self._notes.append(f"guessed: {classes[0].name} has the labels, {classes[0].distinct:,} of them")
            return classes[0]
        return None

    def _features(self, labels: Column) -> dict[str, str]:
        """Sparse, or lists of one length, or columns of numbers; empty where there are none."""
        lists = [one for one in self._columns if one.listed and one is not labels]
        indices = next((one for one in lists if _words(one) & _INDICES and one.type in (TEXT, WHOLE)), None)
        values = next((one for one in lists if _words(one) & _VALUES and one.type in (NUMBER, WHOLE)), None)
        if indices and values and indices is not values:
            return {"--sparse": f"{indices.name}:{values.name}"}
        dense = [one for one in lists if one.type in (NUMBER, WHOLE) and one.fixed and one.fixed > 1]
        if len(dense) == 1:
            return {"--features": dense[0].name}
        others = _ID | _TIME | _USER | _ITEM
        numbers = [
            one.name
            for one in self._columns
            if one is not labels and not one.listed and one.type in (NUMBER, WHOLE)
            and not _words(one) & others and not (one.type == WHOLE and one.distinct == self._rows)
        ]  # fmt: skip
        return {"--features": _globs(numbers, [one.name for one in self._columns])} if numbers else {}

    def _pair(self) -> tuple[Column, Column] | None:
        """Two columns of ids whose values repeat, where there are few columns."""
        ids = [
            one
            for one in self._columns
            if _is_id(one)
            and not _words(one) & (_WEIGHT | _TIME)
            and 1 < (one.distinct or self._rows) < self._rows
        ]
        return (ids[0], ids[1]) if len(ids) >= 2 and len(self._columns) <= 5 else None

    def _with_split(self) -> dict[str, str]:
        return {} if self._split is None else {"--split": self._split.name}

    def _named(self, words: frozenset[str], fits: Callable[[Column], bool]) -> Column | None:
        """The column that is called so and fits: the one with the fewest other words in its name."""
        found = [one for one in self._columns if _words(one) & words and fits(one)]
        return min(found, key=lambda one: len(_words(one) - words), default=None)


def _words(column: Column) -> set[str]:
    """The words of a name: "userId:token" has user and id."""
    name = column.name.split(":")[0]
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return {*re.findall(r"[^\W\d_]+", parts.lower()), re.sub(r"[\W_]+", "", name.lower())}


def _is_id(column: Column) -> bool:
    return not column.listed and (
        column.type == WHOLE or (column.type == TEXT and column.length <= _FEW_WORDS and not column.joined)
    )


def _is_prose(column: Column) -> bool:
    return (
        not column.listed
        and column.type == TEXT
        and (column.length > _FEW_WORDS or bool(_words(column) & _TEXT))
    )


def _is_split(column: Column) -> bool:
    return bool(column.values) and len(column.values) > 1 and set(column.values) <= set(SPLITS)


def _globs(names: Sequence[str], all_names: Iterable[str]) -> str:
    """The names, or fewer patterns that match exactly them: f* for f1, f2 …"""
    if len(names) <= 5:
        return ",".join(names)
    stems = list(dict.fromkeys(re.sub(r"\d+$", "", name) for name in names))
    others = [name for name in all_names if name not in names]
    if len(stems) <= 3 and all(
        stem and not any(other.startswith(stem) for other in others) for stem in stems
    ):
        return ",".join(f"{stem}*" for stem in stems)
    return ",".join(names)
