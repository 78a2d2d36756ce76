"""Generate the embedded corpus: python data/generate.py

Writes about 3,000 newswire-like sentences into three files of CoNLL columns
(token, POS, IOB2 tag).  All names are composed of syllables and common words;
any resemblance to real names is a coincidence.  The corpus has the following
properties, so that a model has something to learn:

- ambiguous words: Washington, Jordan, Chelsea, Paris, Florence and Georgia are
  persons and places; May, April and June are persons and months; place names
  also denote teams or governments;
- most names of dev and test do not occur in train, so that word embeddings
  alone are not enough, and spelling, casing and context are needed;
- contexts in which a person, a place or an organisation can occur, and
  suffixes that surnames and places share;
- entities of several tokens, and adjacent entities.
"""

from __future__ import annotations

import random
import zlib
from pathlib import Path

SIZES = {"train": 2200, "dev": 400, "test": 400}
HERE = Path(__file__).parent / "sample"

ONSETS = ["b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "kl", "l", "m", "n", "p",
          "pr", "r", "s", "sh", "st", "t", "tr", "v", "w", "z"]
VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ou"]
CODAS = ["n", "r", "l", "s", "m", "nd", "rt", "ck", "st"] + [""] * 4

PERSONS_AND_PLACES = ["Washington", "Jordan", "Chelsea", "Paris", "Florence", "Georgia", "Austin", "Israel"]
MONTH_NAMES = ["May", "April", "June", "August"]
MONTHS = MONTH_NAMES + ["January", "March", "July", "September", "October"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def syllables(rng, count):
    """A capitalized string of random syllables."""
    return "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS)
                   for _ in range(count)).capitalize()


def given_name(rng):
    return syllables(rng, 1) + rng.choice(["a", "o", "an", "ie", "el", "is"])


def surname(rng):
    return syllables(rng, 1) + rng.choice(["son", "sen", "ez", "ini", "ov", "er", "mann", "ley", "ski",
                                           "ton", "ford", "field"])


def city(rng):
    return syllables(rng, 1) + rng.choice(["ville", "burg", "ton", "grad", "ford", "mouth", "abad", "field",
                                           "ley", "er", "ini"])


def country(rng):
    return syllables(rng, rng.choice([1, 2])) + rng.choice(["ia", "land", "stan", "istan", "onia"])


def adjective(rng):
    return syllables(rng, 1) + rng.choice(["ian", "ish", "ese", "ani"])


def company(rng):
    stem = syllables(rng, rng.choice([1, 2]))
    return rng.choice([
        [stem, rng.choice(["Corp", "Inc", "Ltd", "Group", "Holdings", "Bank"])],
        [stem + rng.choice(["tech", "soft", "com", "air", "oil"])],
        [surname(rng), "&", surname(rng)],
        [stem, rng.choice(["Steel", "Motors", "Airlines", "Foods", "Energy"]), rng.choice(["Corp", "Ltd"])],
    ])


def agency(rng):
    return rng.choice([
        ["Ministry", "of", rng.choice(["Trade", "Defence", "Health", "Justice"])],
        ["".join(rng.choice("ABCDEFILMNOPRSTU") for _ in range(rng.choice([3, 4])))],
        [city(rng), rng.choice(["University", "Council", "Chamber", "Observer"])],
        [rng.choice(["National", "Central", "United"]), rng.choice(["Labour", "Farmers", "Reform"]),
         rng.choice(["Party", "Union", "Front"])],
    ])


def club(rng):
    return rng.choice([[city(rng), rng.choice(["United", "Rovers", "City"])], [city(rng)],
                       [rng.choice(PERSONS_AND_PLACES)]])


def event(rng):
    return rng.choice([
        [syllables(rng, 1), rng.choice(["Cup", "Prize", "Open", "Trophy"])],
        ["World", rng.choice(["Cup", "Series"])],
        [rng.choice(["Treaty", "Accord"]), "of", city(rng)],
        [syllables(rng, 2), rng.choice(["Festival", "Grand", "Marathon"])],
    ])


class NamePool:
    """The names of one split, by kind.

    Parameters
    ----------
    seed : int, the seed of the random generator.
    other : NamePool or None, a second pool from which some of the names are drawn.
    share : float, the probability that a name is drawn from ``other``.
    """

    def __init__(self, seed, other=None, share=0.0):
        rng = random.Random(seed)
        self.other, self.share = other, share
        generators = {
            "given_name": (lambda: given_name(rng), 120), "surname": (lambda: surname(rng), 160),
            "city": (lambda: city(rng), 110), "country": (lambda: country(rng), 50),
            "adjective": (lambda: adjective(rng), 50), "company": (lambda: company(rng), 110),
            "agency": (lambda: agency(rng), 60), "club": (lambda: club(rng), 60),
            "event": (lambda: event(rng), 50),
        }
        self.names = {kind: [generate() for _ in range(count)] for kind, (generate, count) in generators.items()}

    def draw(self, kind, rng):
        """A random name of a kind."""
        if self.other and rng.random() < self.share:
            return self.other.draw(kind, rng)
        return rng.choice(self.names[kind])


def entity(kind, names, rng):
    """A random entity: its tokens, their POS tags and its type."""
    if kind == "ANY":  # the context does not show the type, only the name does
        kind = rng.choice(["PER", "PER", "LOC", "ORG", "CLUB"])
    if kind == "PER":
        given = rng.choice(PERSONS_AND_PLACES + MONTH_NAMES) if rng.random() < 0.15 else names.draw("given_name", rng)
        family = rng.choice(PERSONS_AND_PLACES + ["May"]) if rng.random() < 0.12 else names.draw("surname", rng)
        form = rng.random()
        tokens = ([given, family] if form < 0.55 else [family] if form < 0.85 else
                  [rng.choice("ABCDEJKLMPRST") + ".", family] if form < 0.95 else [given])
        return tokens, ["NNP"] * len(tokens), "PER"
    if kind == "LOC":
        form = rng.random()
        if form < 0.2:
            return [rng.choice(PERSONS_AND_PLACES)], ["NNP"], "LOC"
        if form < 0.6:
            return [names.draw("city", rng)], ["NNP"], "LOC"
        if form < 0.9:
            return [names.draw("country", rng)], ["NNP"], "LOC"
        modifier = rng.choice(["North", "South", "New", "Lake", "Mount"])
        return [modifier, names.draw("city", rng)], ["NNP", "NNP"], "LOC"
    if kind == "NAT":
        return [names.draw("adjective", rng)], ["JJ"], "MISC"
    if kind == "EVENT":
        tokens = names.draw("event", rng)
        return tokens, ["IN" if token == "of" else "NNP" for token in tokens], "MISC"
    kind = {"ORG": rng.choice(["company", "agency"]), "CLUB": "club"}[kind]
    tokens = names.draw(kind, rng)
    return tokens, ["IN" if token == "of" else "CC" if token == "&" else "NNP" for token in tokens], "ORG"


# Tokens are WORD/POS.  {KIND} stands for an entity, {#} for a number, {DAY}, {MONTH} and {YEAR} for dates.
TEMPLATES = """
{PER} ,/, the/DT {NAT} foreign/JJ minister/NN ,/, arrived/VBD in/IN {LOC} on/IN {DAY} ./.
{ORG} said/VBD it/PRP would/MD cut/VB {#} jobs/NNS in/IN {LOC} by/IN {MONTH} ./.
Shares/NNS of/IN {ORG} rose/VBD {#} percent/NN in/IN {LOC} trading/NN ./.
{PER} told/VBD {PER} that/IN the/DT talks/NNS had/VBD failed/VBN ./.
{LOC} {DAY} :/: {ORG} and/CC {ORG} agreed/VBD to/TO merge/VB ,/, officials/NNS said/VBD ./.
{CLUB} beat/VBD {CLUB} {#} -/: {#} in/IN the/DT {EVENT} final/NN ./.
{CLUB} {#} {CLUB} {#}
{PER} ({/( {LOC} )/) beat/VBD {PER} ({/( {LOC} )/) {#} -/: {#} {#} -/: {#}
The/DT {NAT} government/NN signed/VBD the/DT {EVENT} in/IN {LOC} last/JJ {MONTH} ./.
{PER} may/MD visit/VB {LOC} in/IN {MONTH} ,/, the/DT {ORG} spokesman/NN said/VBD ./.
{PER} was/VBD born/VBN in/IN {LOC} ,/, {LOC} ,/, in/IN {YEAR} ./.
A/DT {NAT} court/NN jailed/VBD {PER} for/IN {#} years/NNS on/IN {DAY} ./.
Police/NNS in/IN {LOC} arrested/VBD {#} {NAT} tourists/NNS ./.
{ORG} {NAT} analyst/NN {PER} cut/VBD his/PRP$ forecast/NN for/IN {YEAR} ./.
{PER} joined/VBD {ORG} from/IN {ORG} in/IN {MONTH} {YEAR} ./.
President/NNP {PER} met/VBD {NAT} {EVENT} winners/NNS at/IN his/PRP$ residence/NN ./.
The/DT storm/NN hit/VBD {LOC} and/CC {LOC} before/IN dawn/NN ,/, killing/VBG {#} people/NNS ./.
"/`` {LOC} will/MD not/RB yield/VB ,/, "/'' said/VBD {PER} of/IN the/DT {ORG} ./.
{ORG} 's/POS profit/NN fell/VBD to/TO {#} million/CD in/IN {YEAR} ./.
In/IN {LOC} ,/, {PER} {PER} and/CC {PER} led/VBD after/IN the/DT first/JJ round/NN ./.
{NAT} {PER} won/VBD the/DT {EVENT} for/IN the/DT second/JJ time/NN ./.
Wheat/NN exports/NNS from/IN {LOC} to/TO {LOC} reached/VBD {#} tonnes/NNS in/IN {MONTH} ./.
He/PRP said/VBD prices/NNS could/MD fall/VB again/RB in/IN {MONTH} ./.
It/PRP was/VBD the/DT {NAT} bank/NN 's/POS largest/JJS loan/NN since/IN {YEAR} ./.
The/DT market/NN closed/VBD lower/RBR on/IN {DAY} after/IN a/DT quiet/JJ session/NN ./.
{ORG} named/VBD {PER} chief/JJ executive/NN ,/, replacing/VBG {PER} ./.
{LOC} {ORG} leader/NN {PER} called/VBD the/DT vote/NN a/DT farce/NN ./.
Thousands/NNS marched/VBD through/IN {LOC} to/TO protest/VB against/IN the/DT {EVENT} ./.
{PER} ,/, {#} ,/, scored/VBD twice/RB as/IN {CLUB} drew/VBD with/IN {NAT} champions/NNS {CLUB} ./.
Workers/NNS at/IN the/DT {ORG} plant/NN near/IN {LOC} went/VBD on/IN strike/NN on/IN {DAY} ./.
May/MD the/DT best/JJS team/NN win/VB ,/, said/VBD {PER} before/IN {CLUB} left/VBD for/IN {LOC} ./.
The/DT march/NN from/IN {LOC} began/VBD on/IN {MONTH} {#} ./.
{ANY} said/VBD on/IN {DAY} that/IN {ANY} had/VBD backed/VBN the/DT plan/NN ./.
Officials/NNS close/JJ to/TO {ANY} denied/VBD the/DT report/NN ./.
{ANY} ,/, {ANY} and/CC {ANY} were/VBD named/VBN in/IN the/DT letter/NN ./.
The/DT newspaper/NN wrote/VBD about/IN {ANY} again/RB in/IN {MONTH} ./.
{ANY} -/: {NAT} talks/NNS resume/VBP
Nobody/NN expects/VBZ {ANY} to/TO win/VB the/DT {EVENT} ./.
{ANY} {#} ,/, {ANY} {#}
""".replace("({/(", "(/(").strip().splitlines()


def sentence(names, rng):
    """A random sentence as a list of (token, POS, tag)."""
    rows = []
    for item in rng.choice(TEMPLATES).split():
        if item == "{#}":
            rows.append((rng.choice(["{}", "{}.5", "{},000"]).format(rng.randint(1, 99)), "CD", "O"))
        elif item == "{YEAR}":
            rows.append((str(rng.randint(1950, 2009)), "CD", "O"))
        elif item == "{DAY}":
            rows.append((rng.choice(DAYS), "NNP", "O"))
        elif item == "{MONTH}":
            rows.append((rng.choice(MONTHS), "NNP", "O"))
        elif item.startswith("{"):
            tokens, pos, label = entity(item.strip("{}"), names, rng)
            tags = [f"B-{label}"] + [f"I-{label}"] * (len(tokens) - 1)
            rows += list(zip(tokens, pos, tags))
        else:
            token, _, pos = item.rpartition("/")
            rows.append((token, pos, "O"))
    if rng.random() < 0.06:  # a headline in upper case
        rows = [(token.upper(), pos, tag) for token, pos, tag in rows]
    return rows


def write_split(split, names, count):
    """Write the sentences of one split, in documents of 20 sentences."""
    # crc32 instead of hash(), which differs between processes.
    rng = random.Random(zlib.crc32(split.encode()))
    lines = []
    for number in range(count):
        if number % 20 == 0:
            lines += ["-DOCSTART- -X- O", ""]
        lines += [" ".join(row) for row in sentence(names, rng)] + [""]
    HERE.mkdir(exist_ok=True)
    (HERE / f"{split}.txt").write_bytes(("\n".join(lines) + "\n").encode("utf-8"))


def main():
    """Write the three splits."""
    train_names = NamePool(1)
    write_split("train", train_names, SIZES["train"])
    write_split("dev", NamePool(2, train_names, 0.3), SIZES["dev"])
    write_split("test", NamePool(3, train_names, 0.3), SIZES["test"])


if __name__ == "__main__":
    main()
