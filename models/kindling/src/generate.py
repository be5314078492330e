# SPDX-License-Identifier: AGPL-3.0-or-later
"""Synthetic corpus for Kindling, the built-in starter model.

Every conversation is produced by the grammars below; nothing is copied from an
outside text.  generate(seed, n) yields dicts:

    {"kind": str, "tools": [...] or None, "messages": [...], "meta": {...}}

Run `python3 generate.py --n 5 --seed 1` to look at samples.
"""
import argparse
import json
import random
import re

from facts import KINDS
from guide import GUIDE, PRODUCT, MODEL, SMALLTALK
from lexicon import ADJ, ANIMALS, COLORS, DAYS, FOODS, HOBBIES, JOBS, NOUNS, OBJECTS, PLACES, THINGS, VERBS3, Values, made, syll

R = random.Random(0)
V = Values(R)


def t(template, **kw):
    """expand (a|b|c) choices, then {name} slots"""
    while True:
        n = re.sub(r"\(([^()]*\|[^()]*)\)", lambda m: R.choice(m.group(1).split("|")), template)
        if n == template:
            break
        template = n
    for k, v in kw.items():
        template = template.replace("{" + k + "}", str(v))
    return template


def cap(s): return s[:1].upper() + s[1:]
def conv(kind, msgs, tools=None, **meta): return {"kind": kind, "tools": tools, "messages": msgs, "meta": meta}
def U(c): return {"role": "user", "content": c}
def A(c): return {"role": "assistant", "content": c}
def SYS(c): return {"role": "system", "content": c}


def sloppy(s):
    """users do not always capitalise or punctuate"""
    r = R.random()
    if r < .12: s = s[:1].lower() + s[1:]
    if R.random() < .12: s = s.rstrip("?.!")
    return s


GENERIC_SYS = ["You are a helpful assistant.", f"You are {MODEL}, a small local assistant.", f"You are {MODEL}, the starter model of {PRODUCT}.",
               "You are a (friendly|helpful|kind|polite|concise) assistant.", "Answer (briefly|shortly|in a friendly way).", "Be (brief|kind|helpful|honest).",
               f"You are a (helpful|local) AI assistant running in {PRODUCT}.", "You are a helpful AI assistant. Keep answers short."]


def maybe_sys(msgs, p=.35):
    return [SYS(t(R.choice(GENERIC_SYS)))] + msgs if R.random() < p else msgs


# ------------------------------------------------------------------- facts
def value(kind):
    m = {
        "thing": lambda: R.choice(["", R.choice(ADJ) + " "]) + R.choice(THINGS + FOODS) + "s" if R.random() < .5 else R.choice(["wooden", "glass", "steel", "leather", "copper"]) + " " + R.choice(THINGS) + "s",
        "name": lambda: made(R), "status": lambda: R.choice(["paid", "open", "overdue", "cancelled", "in review", "partly paid", "on hold"]),
        "small": lambda: str(R.randint(2, 12)), "port": lambda: str(R.randint(80, 9999)), "gb": lambda: f"{R.choice([2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256])} GB",
        "dish": lambda: R.choice([made(R) + " " + R.choice(["soup", "stew", "cake", "pie", "bread", "salad", "curry"]), R.choice(FOODS).rstrip("s") + " " + R.choice(["soup", "stew", "cake", "pie"])]),
        "host": lambda: R.choice([syll(R), syll(R) + "-" + str(R.randint(1, 40)), R.choice(["web", "db", "mail", "cache", "node"]) + "-" + str(R.randint(1, 99))]),
        "title": lambda: R.choice(["The " + cap(R.choice(ADJ)) + " " + cap(R.choice(NOUNS)), made(R) + " and the " + cap(R.choice(NOUNS)), "A " + cap(R.choice(NOUNS)) + " in " + V.city()]),
        "species": lambda: R.choice([made(R) + " " + R.choice(ANIMALS), R.choice(COLORS) + " " + made(R) + " " + R.choice(ANIMALS)]),
        "habitat": lambda: R.choice(["the ", "deep ", "dark ", "warm "]) + R.choice(["forests", "rivers", "caves", "swamps", "deserts", "mountains", "lakes", "meadows"]) + " of " + made(R),
        "course": lambda: R.choice([R.choice(HOBBIES), made(R), R.choice(ADJ) + " " + R.choice(HOBBIES)]),
        "meet": lambda: R.choice([R.choice(NOUNS), made(R), R.choice(["budget", "planning", "design", "weekly", "board", "kickoff", "safety"]), R.choice(DAYS)]),
        "polname": lambda: R.choice(["travel", "remote work", "parking", "holiday", "expense", "training", "security", "guest", "overtime", "laptop", "sick leave", made(R)]),
        "event": lambda: R.choice([made(R) + " " + R.choice(["festival", "fair", "conference", "race", "concert", "summit"]), R.choice(["summer", "winter", "spring", "book", "wine", "science", "harvest"]) + " " + R.choice(["festival", "fair", "party", "market"])]),
    }
    return m[kind]() if kind in m else getattr(V, kind)()


class Ent:
    def __init__(self, kind=None, nattr=None):
        self.kind = kind or R.choice(list(KINDS))
        maker, self.intros, self.attrs = KINDS[self.kind]
        self.e = value(maker)
        self.v = {a: value(s[0]) for a, s in self.attrs.items()}
        ks = list(self.attrs)
        R.shuffle(ks)
        self.used = ks[:nattr or R.randint(1, min(4, len(ks)))]
        self.unused = [k for k in ks if k not in self.used]

    def slots(self, s, a=None):
        return cap(t(s, e=self.e, v=self.v.get(a, ""), x=V.year(), t=R.choice(THINGS), c=R.choice(COLORS)))

    def state(self, a, named=True):
        opts = [s for s in self.attrs[a][2] if "{e}" in s] if named else self.attrs[a][2]
        return self.slots(R.choice(opts), a)

    def ask(self, a): return sloppy(self.slots(R.choice(self.attrs[a][3])))

    def text(self, filler=.25):
        """returns text, {attr: sentence}"""
        out, where = [], {}
        if R.random() < .45:
            out.append(self.slots(R.choice(self.intros)))
        for i, a in enumerate(self.used):
            s = self.state(a, named=not out or R.random() < .6)
            where[a] = s
            out.append(s)
            if R.random() < filler:
                out.append(V.sentence()[0])
        return " ".join(out), where

    def answer(self, a):
        """full-sentence answer naming the entity"""
        return self.slots([s for s in self.attrs[a][2] if "{e}" in s][0], a)


RAG_HEAD = [
    "(Answer|Reply to) the (question|user) (using|from|with) (only |)the (sources|context|passages|documents)( below|). Cite (the source|sources|passages) (like [1]|with [n]|as [n]|by number)( after the answer|).( If (the answer is not there|it is missing), say so.|)",
    "Use (only |)the (numbered |)(context|sources|passages|notes|excerpts)( below|) to answer( the question|). (Add|Give) a citation (like [2]|such as [1]|in the form [n]).( If the (context|sources) (does|do) not (contain|have) the answer, say that you do not know.|)",
    "You answer questions about the user's documents.( Cite sources with [n].|) Context:",
    "Context:", "Sources:", "Here are (passages|excerpts|snippets) from the user's documents. (Answer|Base your answer on them) and cite like [1].",
    "Relevant (passages|excerpts|notes):",
]
# one clear form each: whether to refuse is decided at the first word
REFUSE = ["I could not find that in the sources."]
REFUSE_A = ["I could not find the {l} of {e} in the sources."]


def mark(p, i):
    """put the passage number into every sentence ("It rains [2]."): citing is then part of copying the sentence"""
    return re.sub(r"\.(?= |$)", f" [{i}].", p)


def passages_block(ps, marked=False):
    if marked: ps = [mark(p, i + 1) for i, p in enumerate(ps)]
    fmt = R.choice(["[{i}] {p}", "[{i}] {p}", "[{i}] {p}", "[{i}] ({f}) {p}", "[{i}] {f}: {p}", "[{i}] {f}\n{p}", "Source [{i}]: {p}"])
    ext = R.choice(["md", "txt", "pdf"])
    sep = R.choice(["\n", "\n", "\n\n"])
    return sep.join(fmt.replace("{i}", str(i + 1)).replace("{f}", R.choice([R.choice(NOUNS), syll(R)]) + "." + ext).replace("{p}", p) for i, p in enumerate(ps))


def rag(mode=None, marked=None):
    """passages, then one to six questions on them (the first one is what eval.py scores)"""
    if marked is None: marked = R.random() < .75
    n = R.choices([1, 2, 3, 4, 5, 6], [10, 22, 28, 20, 12, 8])[0]
    ents = []
    same = R.random() < .5
    k0 = R.choice(list(KINDS))
    for k in range(n):
        filler = R.random() < .15 and k
        ents.append(None if filler else Ent(k0 if same and R.random() < .7 else None))
    R.shuffle(ents)
    texts, wheres, quotes = [], [], []
    for e in ents:
        if e is None:
            texts.append(" ".join(V.sentence()[0] for _ in range(R.randint(1, 3)))); wheres.append({})
            continue
        if same and e.kind == k0 and R.random() < .6:   # share an attribute with the others, so the entity must be matched
            a = list(e.attrs)[0 if R.random() < .5 else 1]
            if a not in e.used:
                e.used.append(a); e.unused = [x for x in e.unused if x != a]
        tx, w = e.text(); texts.append(tx); wheres.append(w)
    for _ in range(R.choice([0, 1, 1, 2])):
        i = R.randrange(n); q = V.sentence(full=True)
        texts[i] = (texts[i] + " " + q[0]) if R.random() < .5 else (q[0] + " " + texts[i])
        quotes.append((i, q))
    cands = [i for i, e in enumerate(ents) if e]

    def qa(mode):
        i = R.choice(cands); e = ents[i]
        if mode == "quote" and quotes:
            i, (s, subj, obj, direct) = R.choice(quotes)
            key = re.sub(r"^(the|our|this|each) ", "", R.choice([subj, obj]), flags=re.I)
            q = t("(What (do|does) (the sources|the documents|the text|it|they) say about|What is (written|said|known) about|Tell me about|What about|Anything about|Find) (the |){k}?", k=key) if R.random() < .35 else sloppy(direct)
            return q, mark(s, i + 1), {"mode": mode, "answer": s.rstrip("."), "cite": i + 1}
        if mode in ("attr", "quote"):
            a = R.choice(e.used)
            s = wheres[i][a] if e.e in wheres[i][a] else e.answer(a)
            return e.ask(a), mark(s, i + 1), {"mode": "attr", "answer": e.v[a], "cite": i + 1}
        if mode == "miss_attr" and e.unused: x, a = e, R.choice(e.unused)
        else:
            x = Ent(R.choice([e.kind, None])); a = R.choice(list(x.attrs))
        if R.random() < .25: return sloppy(V.sentence(full=True)[3]), t(R.choice(REFUSE)), {"mode": mode, "answer": None}
        return x.ask(a), t(R.choice(REFUSE_A), l=x.attrs[a][1], e=x.e) if R.random() < .75 else t(R.choice(REFUSE)), {"mode": mode, "answer": None}

    def pick(): return R.choices(["attr", "quote", "miss_attr", "miss_ent"], [44, 20, 20, 16])[0]
    q, ans, meta = qa(mode or pick())
    block = passages_block(texts, marked)
    meta["marked"] = marked
    head = t(R.choice(RAG_HEAD))
    if R.random() < .35: head = t(R.choice(GENERIC_SYS)) + " " + head
    r = R.random()
    if r < .62:
        msgs = [SYS(head + R.choice(["\n\n", "\n"]) + block), U(q)]
    elif r < .85:
        msgs = maybe_sys([U(head + R.choice(["\n\n", "\n"]) + block + R.choice(["\n\nQuestion: ", "\n\n", "\nQuestion: "]) + q)], .3)
    else:
        msgs = maybe_sys([U(q + "\n\n" + R.choice(["Context:\n", "Sources:\n", "Documents:\n"]) + block)], .3)
    msgs.append(A(ans))
    for _ in range(R.choices([0, 1, 2, 3, 4, 5], [30, 14, 14, 14, 14, 14])[0]):
        q, ans, _m = qa(pick())
        msgs += [U(q), A(ans)] if R.random() < .92 else turn_smalltalk()
    return conv("rag", msgs, **meta)


# ------------------------------------------------------------------- tools
T_VERBS = "get find list create delete update send search open close start stop book check count show add remove move copy read save load print share lock play pause convert measure schedule cancel order rename archive export import".split()
T_NOUNS = "note task file event invoice ticket order user contact message reminder playlist song photo report room table flight train hotel parcel device lamp door sensor server backup project team recipe timer alarm document folder page form survey budget account payment vehicle route game score".split()
PARAMS = {  # name: (type, value maker, ways to say it)
    "city": ("string", lambda: V.city(), ["in {v}", "for {v}", "for the city {v}"]), "name": ("string", lambda: V.first(), ["named {v}", "called {v}", "with the name {v}"]),
    "title": ("string", lambda: R.choice([cap(R.choice(ADJ)) + " " + R.choice(NOUNS), made(R)]), ["titled {v}", "with the title {v}"]),
    "count": ("integer", lambda: R.randint(1, 99), ["with count {v}", "{v} times", "with a count of {v}"]), "limit": ("integer", lambda: R.randint(1, 50), ["with limit {v}", "at most {v}", "limited to {v}"]),
    "color": ("string", lambda: V.color(), ["in {v}", "with color {v}", "with the color {v}"]), "date": ("string", lambda: V.date(), ["on {v}", "for {v}", "with date {v}"]),
    "day": ("string", lambda: V.day(), ["on {v}", "for {v}"]), "time": ("string", lambda: V.time(), ["at {v}"]), "email": ("string", lambda: V.email(), ["to {v}", "for {v}", "with email {v}"]),
    "room": ("string", lambda: R.choice([made(R), V.num(1, 400)]), ["in room {v}", "for room {v}"]), "amount": ("number", lambda: R.choice([R.randint(1, 999), R.randint(1, 99) + .5]), ["with amount {v}", "for an amount of {v}"]),
    "minutes": ("integer", lambda: R.randint(1, 120), ["for {v} minutes", "in {v} minutes"]), "id": ("string", lambda: V.code(), ["{v}", "with id {v}", "with the id {v}"]),
    "query": ("string", lambda: R.choice([R.choice(ADJ) + " " + R.choice(NOUNS), made(R), R.choice(NOUNS)]), ["about {v}", "for {v}", "matching {v}"]),
    "folder": ("string", lambda: R.choice([R.choice(NOUNS), syll(R)]), ["in the folder {v}", "in folder {v}", "from the folder {v}"]),
    "owner": ("string", lambda: V.first(), ["for {v}", "owned by {v}", "with owner {v}"]), "category": ("string", lambda: R.choice(NOUNS), ["in the category {v}", "with category {v}"]),
    "size": ("enum", lambda: ["small", "medium", "large"], ["with size {v}", "of size {v}"]), "priority": ("enum", lambda: ["low", "normal", "high"], ["with {v} priority", "with priority {v}"]),
    "format": ("enum", lambda: R.sample(["pdf", "csv", "json", "txt", "html", "png"], 3), ["as {v}", "in {v} format", "with format {v}"]), "unit": ("enum", lambda: R.choice([["celsius", "fahrenheit"], ["km", "miles"], ["kg", "pounds"]]), ["in {v}", "with unit {v}"]),
    "language": ("string", lambda: R.choice(["English", "German", "French", "Spanish", "Italian", "Polish", "Dutch", "Japanese", made(R)]), ["in {v}", "with language {v}"]),
    "level": ("integer", lambda: R.randint(0, 100), ["at level {v}", "to level {v}", "with level {v}"]), "tag": ("string", lambda: R.choice([R.choice(NOUNS), syll(R)]), ["with the tag {v}", "tagged {v}"]),
    "mode": ("enum", lambda: R.sample(["auto", "manual", "eco", "fast", "silent", "night", "sport"], 3), ["in {v} mode", "with mode {v}"]), "urgent": ("boolean", lambda: R.choice([True, False]), ["with urgent {v}", "with urgent set to {v}"]),
}


PDESC = {"city": ["(City|Town) name", "Name of the (city|place)", "The city"], "location": ["(City|Place) name", "Where to look", "The location"], "query": ["(Search|Query) (terms|text|words)", "What to (search|look) for"],
         "expression": ["(Math|Arithmetic) expression", "The expression to evaluate"], "title": ["(Short |)title", "Title text"], "minutes": ["(Number of |)minutes", "How long"], "email": ["Email address"], "to": ["(Recipient|Receiver|Target)", "Email address"],
         "date": ["(Date|Day)", "When"], "amount": ["(Amount|Quantity|Sum)"], "unit": ["Unit (of measurement|)"], "limit": ["Maximum (number of results|)"], "item": ["(Item|Task) text", "What to (add|do)"], "task": ["(Task|Item) text", "What to do"], "text": ["(Text|Content|Body)"]}


def schema(params, extra_desc):
    props = {}
    for p, (ty, val) in params.items():
        d = {"type": "string" if ty == "enum" else ty}
        if extra_desc: d["description"] = t(R.choice(PDESC.get(p, ["(The |){p}", "{p} of the item", "{p} to use", "{p} value"])), p=p.replace("_", " "))
        if ty == "enum": d["enum"] = val
        props[p] = d
    s = {"type": "object", "properties": props}
    if params and R.random() < .75: s["required"] = list(params) if R.random() < .8 else list(params)[:1]
    return s


def tool(name, desc, params, extra=None):
    f = {"name": name, "description": desc}          # llama.cpp always writes a description
    f["parameters"] = schema(params, R.random() < .3 if extra is None else extra)
    return {"type": "function", "function": f}


def random_tool():
    v, n = R.choice(T_VERBS), R.choice(T_NOUNS if R.random() < .75 else [syll(R)])
    style = R.random()
    name = f"{v}_{n}" if style < .65 else v + n.capitalize() if style < .85 else f"{n}.{v}" if style < .9 else f"{n}_{v}"
    ps = R.sample(list(PARAMS), R.choices([0, 1, 2, 3], [6, 42, 38, 14])[0])
    params = {p: (PARAMS[p][0], PARAMS[p][1]()) for p in ps}
    desc = t("(%s (a|the) %s|%s a %s|%ss (a|the) %s)(.|)" % (cap(v), n, cap(v), n, cap(v), n))
    args, parts = {}, []
    for p in ps:
        ty, val = params[p]
        x = R.choice(val) if ty == "enum" else val
        args[p] = x
        parts.append(t(R.choice(PARAMS[p][2]), v=json.dumps(x) if isinstance(x, bool) else x))
    R.shuffle(parts)
    core = f"{v} (the|a|my) {n}".replace("(the|a|my)", R.choice(["the", "a", "my"])) + (" " + (" and " if len(parts) == 2 and R.random() < .25 else " ").join(parts) if parts else "")
    req = t(R.choice(["{c}", "{c}", "{C}", "{C}.", "Please {c}.", "Can you {c}?", "Could you {c}?", "I want to {c}.", "{C} please", "I need to {c}.", "Would you {c}?", "Use the tool to {c}."]), c=core, C=cap(core))
    return name, desc, params, req, args


MORE_TOOLS = {  # name choices, descriptions, {param: (type, value)}, requests
    "music": ("play_music|play_song|music_play|start_music", "(Play|Start) music( of a genre|)|Plays (a song|music)", {"genre|style|kind|query": ("string", lambda: R.choice("jazz rock pop techno folk blues classical metal soul disco reggae opera".split()))}, "(Play|Put on|Start) (some |){0}( music|)(| please)|I (want|would like) to (hear|listen to) (some |){0}"),
    "alarm": ("set_alarm|alarm|add_alarm|create_alarm", "(Set|Sets) an alarm( clock|)|(Create|Add) an alarm", {"hour|hours": ("integer", lambda: R.randint(0, 23)), "minute|minutes": ("integer", lambda: R.randint(0, 59))}, "(Set an alarm|Wake me up|Alarm|Set my alarm) (for|at) {0}(:| |.){1}"),
    "stock": ("get_stock|stock_price|get_price|quote", "(Get|Look up) the price of a (stock|share)", {"symbol|ticker": ("string", lambda: "".join(R.choice("BCDFGHKLMNPRSTVX") for _ in range(R.randint(3, 4))))}, "(What is the (price|stock price) of|How much is|Price of|Quote for) {0}(?|)"),
    "news": ("get_news|news|find_news", "(Get|Find|Read) (the |)news (on|about) a topic", {"topic|subject|query": ("string", lambda: R.choice(OOD_TOPICS + NOUNS))}, "(What is the news (on|about)|Any news (on|about)|News about|Show me news about) {0}(?|)"),
    "recipe": ("find_recipe|search_recipes|recipe", "(Find|Search) (a recipe|recipes)", {"ingredient|query|dish": ("string", lambda: V.food())}, "(Find|Show|Give) me a recipe (with|for) {0}|What can I cook with {0}?"),
    "route": ("navigate|get_route|directions|start_navigation", "(Get|Find) (directions|the route) to a place|Navigate to a place", {"destination|to|place": ("string", lambda: V.city())}, "(How do I get to|Take me to|Navigate to|Directions to|Route to|Drive to) {0}(?|)"),
    "parcel": ("track_package|track_parcel|parcel_status", "(Track|Find) a (package|parcel)", {"id|code|number": ("string", lambda: V.code())}, "(Where is (my |)(package|parcel)|Track (my |)(package|parcel)|Status of parcel) {0}(?|)"),
    "random": ("random_number|get_random|pick_number", "(Pick|Get|Return) a random number", {"min|from|low": ("integer", lambda: R.randint(0, 20)), "max|to|high": ("integer", lambda: R.randint(21, 999))}, "(Pick|Give me|I need) a (random |)number (between|from) {0} (and|to) {1}"),
    "units": ("convert_units|convert|unit_converter", "Convert (between units|a value to another unit)", {"value|amount": ("number", lambda: R.randint(1, 999)), "from_unit|from": ("string", lambda: R.choice(["km", "kg", "metres", "litres", "feet"])), "to_unit|to": ("string", lambda: R.choice(["miles", "pounds", "inches", "gallons", "cm"]))}, "(Convert|Change) {0} {1} (to|into) {2}|How many {2} are {0} {1}?"),
    "heat": ("set_temperature|heating|set_thermostat", "(Set|Change) the temperature( of a room|)", {"room|place": ("string", lambda: R.choice(["kitchen", "bedroom", "office", "hall", "bathroom", "cellar"])), "degrees|temperature|value": ("integer", lambda: R.randint(10, 30))}, "(Set|Heat) the {0} to {1}( degrees|)|Make the {0} {1} degrees"),
    "volume": ("set_volume|volume|change_volume", "(Set|Change) the volume", {"level|percent|value": ("integer", lambda: R.randint(0, 100))}, "(Set the volume|Turn the volume|Volume|Change the volume) to {0}(| percent)"),
    "message": ("send_message|message|send_text|text", "Send a (message|text) to (a person|someone)", {"to|name|recipient": ("string", lambda: V.first()), "text|message|body": ("string", lambda: R.choice(["I am late", "see you soon", "happy birthday", "call me back", "dinner is ready", "the " + R.choice(NOUNS) + " is " + R.choice(ADJ), "we need " + R.choice(FOODS)]))}, "(Send a message to|Write to|Text|Message|Tell) {0}(:| that| saying) {1}"),
    "define": ("define_word|dictionary|lookup_word", "(Look up|Define) a word", {"word|term": ("string", lambda: R.choice([V.noun(), syll(R)]))}, "(What does {0} mean?|Define {0}|Look up the word {0}|What is the meaning of {0}?)"),
    "table": ("book_table|reserve_table|reservation", "(Book|Reserve) a table( in a restaurant|)", {"restaurant|place": ("string", lambda: made(R)), "people|guests|persons": ("integer", lambda: R.randint(2, 12)), "time|at": ("string", lambda: V.time())}, "(Book|Reserve) a table (at|in) {0} for {1}( people|) at {2}"),
    "app": ("open_app|launch|start_app", "(Open|Launch|Start) an app", {"app|name": ("string", lambda: R.choice([made(R), "Settings", "Calendar", "Mail", "Models", "Documents", "Camera", "Music"]))}, "(Open|Launch|Start) (the |){0}( app|)(| please)"),
    "read": ("read_file|open_file|get_file|cat", "(Read|Open|Show) a (text |)file", {"path|file|name|filename": ("string", lambda: R.choice([V.noun(), syll(R)]) + "." + R.choice(["txt", "md", "csv", "json", "c", "log"]))}, "(Read|Open|Show me|What is in|Show) (the file |){0}"),
    "contact": ("add_contact|create_contact|save_contact", "(Add|Save) a (new |)contact", {"name|person": ("string", lambda: V.person()), "phone|number|telephone": ("string", lambda: V.phone())}, "(Add|Save|Create) (the |a |)contact {0} (with (the |)(number|phone)|,) {1}"),
    "image": ("create_image|draw|generate_image|make_picture", "(Create|Draw|Make) (an image|a picture)", {"prompt|description|text": ("string", lambda: "a " + R.choice(ADJ) + " " + R.choice(ANIMALS + NOUNS))}, "(Draw|Paint|Make (a picture|an image) of|Create an image of|Generate) {0}"),
}


def more_tool(k):
    names, descs, ps, reqs = MORE_TOOLS[k]
    params, args, vals = {}, {}, []
    for p, (ty, mk) in ps.items():
        n = R.choice(p.split("|")); v = mk()
        params[n] = (ty, None); args[n] = v; vals.append(v)
    return R.choice(names.split("|")), t(f"({descs}|{descs})(|.)"), params, t(f"({reqs}|{reqs})", **{str(i): v for i, v in enumerate(vals)}), args


def real_tool():
    """a few tools that look like those of real apps"""
    c = V.city()
    k = R.choice(["weather", "weather", "weather", "calc", "calc", "calc", "docs", "docs", "docs", "note", "todo", "todo", "timer", "time", "mail", "dice", "fx", "files", "light", "event"] + list(MORE_TOOLS))
    if k in MORE_TOOLS: return more_tool(k)
    if k == "weather":
        name = R.choice(["get_weather", "weather", "get_current_weather", "weather_lookup", "current_weather"])
        unit = R.random() < .35
        ps = {R.choice(["city", "location"]): ("string", None)}
        key = list(ps)[0]
        args = {key: c}
        q = t("(What is the weather (like |)in {c}|What's the weather in {c}|How is the weather in {c}|Is it (raining|sunny|cold|warm) in {c}|Weather in {c}|Tell me the weather (in|for) {c}|Do I need an umbrella in {c})(| today| right now)", c=c)
        if unit:
            ps["unit"] = ("enum", ["celsius", "fahrenheit"]); args["unit"] = R.choice(["celsius", "fahrenheit"]); q += " in " + args["unit"]
        return name, R.choice(["Get the current weather", "Get the weather for a city", "Current weather in a place", "Look up the weather"]), ps, q + R.choice(["?", "?", ""]), args
    if k == "calc":
        a, b = R.randint(2, 9999), R.randint(2, 999)
        op, word = R.choice([("*", "times"), ("*", "multiplied by"), ("+", "plus"), ("-", "minus"), ("/", "divided by")])
        if R.random() < .55:
            s = op if R.random() < .5 else word
            return R.choice(["calculator", "calculate", "calc", "evaluate", "math"]), R.choice(["Evaluate an arithmetic expression", "Calculate a math expression", "Do math"]), {"expression": ("string", None)}, t("(What is|Calculate|Compute|How much is|Work out) {a} {s} {b}(?|)", a=a, b=b, s=s), {"expression": f"{a} {op} {b}"}
        nm = {"*": "multiply", "+": "add", "-": "subtract", "/": "divide"}[op]
        return nm, f"{cap(nm)} two numbers", {"a": ("number", None), "b": ("number", None)}, t("(What is|Calculate|Compute|How much is) {a} {s} {b}?", a=a, b=b, s=word), {"a": a, "b": b}
    if k == "docs":
        x = R.choice([lambda: "the " + R.choice(ADJ) + " " + R.choice(NOUNS), lambda: made(R), lambda: R.choice(NOUNS) + " " + R.choice(NOUNS), lambda: "project " + made(R)])()
        return R.choice(["search_documents", "search", "search_files", "find_documents", "search_notes", "knowledge_search"]), R.choice(["Search the user's documents", "Search in documents", "Find passages in the library"]), {"query": ("string", None)}, t("(Search (my documents |my files |my notes |)for {x}|Find {x} in my (documents|files|notes)|What do my (documents|files|notes) say about {x}?|Look up {x} in my (documents|files|notes))", x=x), {"query": x}
    if k == "note":
        ti, tx = R.choice([cap(R.choice(NOUNS)) + " " + R.choice(NOUNS), made(R)]), V.sentence()[0].rstrip(".")
        return R.choice(["create_note", "add_note", "write_note", "save_note"]), "Create a note", {"title": ("string", None), "text": ("string", None)}, t("(Create|Write|Save|Make|Add) a note (titled|called|with the title) {a} (saying|with the text|that says) {b}", a=ti, b=tx), {"title": ti, "text": tx}
    if k == "todo":
        it = R.choice(["buy " + R.choice(FOODS), "call " + V.first(), "clean the " + R.choice(NOUNS), "email " + V.first(), "check the " + R.choice(NOUNS), "pay the " + R.choice(NOUNS)])
        return R.choice(["add_todo", "add_task", "create_task", "add_item", "create_todo"]), "Add an item to the list", {R.choice(["item", "task", "text"]): ("string", None)}, t("(Add {x} to my (list|to-do list|tasks)|Remind me to {x}|Put {x} on my list|New task: {x})", x=it), {"_": it}
    if k == "timer":
        n = R.randint(1, 90)
        return R.choice(["set_timer", "start_timer", "timer"]), "Start a timer", {"minutes": ("integer", None)}, t("(Set a timer for {n} minutes|Start a {n} minute timer|Timer for {n} minutes|Wake me in {n} minutes)(| please)", n=n), {"minutes": n}
    if k == "time":
        if R.random() < .5:
            return R.choice(["get_time", "current_time", "clock"]), "Get the current time", {}, t("(What time is it|What is the time|Tell me the (current |)time|Do you know the time)(?| now?| please)"), {}
        return R.choice(["get_time", "current_time", "time_in_city"]), "Get the time in a city", {"city": ("string", None)}, t("(What time is it in {c}?|What is the time in {c}?|Current time in {c})", c=c), {"city": c}
    if k == "mail":
        to, sub = V.email(), R.choice([cap(R.choice(NOUNS)) + " " + R.choice(NOUNS), cap(R.choice(NOUNS))])
        return R.choice(["send_email", "send_mail", "email"]), "Send an email", {"to": ("string", None), "subject": ("string", None)}, t("(Send an email to {a} (about|with subject|with the subject) {b}|Email {a} about {b}|Write a mail to {a} with subject {b})", a=to, b=sub), {"to": to, "subject": sub}
    if k == "dice":
        n = R.choice([4, 6, 8, 10, 12, 20])
        return R.choice(["roll_dice", "roll", "dice"]), "Roll a die", {"sides": ("integer", None)}, t("(Roll a {n} sided die|Roll a die with {n} sides|Roll a d{n})(| please)", n=n), {"sides": n}
    if k == "fx":
        a, f, g = R.randint(2, 900), *R.sample(["EUR", "USD", "GBP", "JPY", "CHF", "SEK", "PLN", "CAD"], 2)
        return R.choice(["convert_currency", "exchange", "currency"]), "Convert money", {"amount": ("number", None), "from": ("string", None), "to": ("string", None)}, t("(Convert {a} {f} to {g}|How much is {a} {f} in {g}?|Change {a} {f} into {g})", a=a, f=f, g=g), {"amount": a, "from": f, "to": g}
    if k == "files":
        f = R.choice([syll(R), R.choice(NOUNS)])
        return R.choice(["list_files", "list_folder", "ls"]), "List files in a folder", {R.choice(["folder", "path"]): ("string", None)}, t("(List the files in {f}|What files are in (the folder |){f}?|Show me the (contents|files) of {f})", f=f), {"_": f}
    if k == "event":
        x, d, h = cap(R.choice(["lunch", "dinner", "meeting", "call", "review", "workshop"])) + " with " + V.first(), V.day(), V.time()
        return R.choice(["create_event", "add_event", "schedule_event"]), "Add an event to the calendar", {"title": ("string", None), "day": ("string", None), "time": ("string", None)}, t("(Schedule|Add|Create|Plan) {x} on {d} at {h}", x=x, d=d, h=h), {"title": x, "day": d, "time": h}
    rm, st = R.choice(["kitchen", "bedroom", "office", "garage", "hall", made(R)]), R.choice(["on", "off"])
    return R.choice(["set_light", "switch_light", "control_light"]), "Switch a light", {"room": ("string", None), "state": ("enum", ["on", "off"])}, t("(Turn {s} the {r} light|Switch the {r} light {s}|Turn the light in the {r} {s}|{r} light {s})", s=st, r=rm), {"room": rm, "state": st}


def some_tool():
    if R.random() < .5:
        name, desc, params, req, args = real_tool()
        if "_" in args: args = {list(params)[0]: args["_"]}
    else:
        name, desc, params, req, args = random_tool()
    return {"def": tool(name, desc if R.random() < .9 else "", params), "name": name, "req": req, "args": args}


CONDS = ["rain", "sunny", "cloudy", "snow", "windy", "fog", "clear", "light rain", "storm"]
RKEYS = ["status", "count", "total", "result", "id", "price", "owner", "state", "score", "distance", "name", "size", "date", "room"]


def tool_result(name, args):
    """returns (response text, final answer)"""
    if "weather" in name:
        tmp, cnd, c = R.randint(-9, 38), R.choice(CONDS), args.get("city", args.get("location"))
        ku = R.choice(["temperature", "temp", "temperature_c"])
        d = {ku: tmp, R.choice(["condition", "weather", "sky"]): cnd}
        if R.random() < .4: d = {"city": c, **d}
        return json.dumps(d), f"It is {tmp} degrees with {cnd} in {c}."
    r = R.random()
    if r < .1:
        e = R.choice(["not found", "permission denied", "timeout", "service offline", "invalid input", R.choice(NOUNS) + " is missing"])
        return json.dumps({"error": e}), f"The tool reported an error: {e}."
    if name in ("calculator", "calculate", "calc", "evaluate", "math", "multiply", "add", "subtract", "divide"):
        x = R.choice([R.randint(1, 99999), R.randint(1, 9999) / 10])
        return R.choice([str(x), json.dumps({"result": x})]), f"The result is {x}."
    if r < .3:
        s = R.choice(["ok", "done", "created", "saved", "sent", "success"])
        return R.choice([s, json.dumps({"status": s})]), f"Done. The status is {s}."
    if r < .45:
        s = V.sentence()[0]
        return s, f"The tool says: {s}"
    if r < .6:
        xs = [R.choice([made(R), R.choice(NOUNS), R.choice(NOUNS) + ".txt"]) for _ in range(R.randint(1, 4))]
        return json.dumps(xs), ("I found " + str(len(xs)) + " result" + ("s" if len(xs) > 1 else "") + ": " + ", ".join(xs) + ".")
    ks = R.sample(RKEYS, R.randint(1, 3))
    d = {k: R.choice([lambda: R.randint(1, 999), lambda: made(R), lambda: R.choice(NOUNS), lambda: V.date()])() for k in ks}
    return json.dumps(d), "Here is the result: " + ", ".join(f"{k} is {v}" for k, v in d.items()) + "."


def tools(mode=None):
    mode = mode or R.choices(["call", "full", "none"], [30, 52, 18])[0]
    n = R.choices([1, 2, 3, 4], [34, 34, 22, 10])[0]
    ts, seen = [], set()
    while len(ts) < n:
        x = some_tool()
        if x["name"] not in seen:
            seen.add(x["name"]); ts.append(x)
    x = R.choice(ts)
    defs = [y["def"] for y in ts]
    msgs = maybe_sys([], .4)
    if R.random() < .12:
        msgs += turn_smalltalk()
    if mode == "none":
        f = R.choices([turn_smalltalk, turn_guide, turn_ood_plain, turn_ops], [50, 15, 20, 15])[0]
        msgs += f()
        return conv("tool_none", msgs, defs, answer=msgs[-1]["content"])
    msgs.append(U(sloppy(x["req"])))
    msgs.append({"role": "assistant", "content": "", "tool_calls": [{"name": x["name"], "arguments": x["args"]}]})
    if mode == "full":
        resp, fin = tool_result(x["name"], x["args"])
        msgs += [{"role": "tool", "content": resp}, A(fin)]
        for y in R.sample(ts, len(ts)):                # further requests for the other tools
            if R.random() < .15: msgs += turn_smalltalk()
            if y is x or R.random() < .35: continue
            msgs += [U(sloppy(y["req"])), {"role": "assistant", "content": "", "tool_calls": [{"name": y["name"], "arguments": y["args"]}]}]
            resp, fin = tool_result(y["name"], y["args"])
            msgs += [{"role": "tool", "content": resp}, A(fin)]
    return conv("tool_call" if mode == "call" else "tool_full", msgs, defs, name=x["name"], args=x["args"], final=msgs[-1]["content"])


# -------------------------------------------------------------- extraction
def extract():
    if R.random() < .2:
        items = R.sample(FOODS + THINGS, R.randint(2, 5))
        key = R.choice(["items", "products", "things", "list", "names"])
        who = V.first()
        s = t("({w} (bought|needs|wants|ordered|sold) {x}.|The list contains {x}.|Please get {x} for {w}.)", w=who, x=", ".join(items[:-1]) + " and " + items[-1])
        return conv("json", maybe_sys([U(t("(Extract|List|Return) the {k} (from the text |)as (JSON|a JSON object with the key {k}|JSON with key \"{k}\")(:|.)\n", k=key) + s), A(json.dumps({key: items}))], .3), answer={key: items})
    e = Ent(nattr=R.randint(1, 4))
    text, _ = e.text(.3)
    if e.e not in text: text = e.slots(R.choice(e.intros)) + " " + text
    name_key = {"book": "title", "invoice": "number", "species": "species", "server": "server"}.get(e.kind, "name")
    if R.random() < .35: return extract_person()
    if R.random() < .4: name_key = R.choice({"person": ["person", "who", "employee"], "product": ["product", "item", "article"], "company": ["company", "firm"], "town": ["town", "place", "city"], "event": ["event"], "meeting": ["meeting", "topic"], "recipe": ["dish", "recipe"], "project": ["project"], "policy": ["policy"], "course": ["course", "subject"]}.get(e.kind, [name_key]))
    fields = [name_key] * (R.random() < .75) + e.used
    if R.random() < .3: fields.append(R.choice(e.unused) if e.unused else fields[0])
    fields = list(dict.fromkeys(fields)) or [name_key]
    if R.random() < .4: R.shuffle(fields)
    ints = {"num", "people", "year", "small", "port"}

    def val(f):
        if f == name_key: return e.e
        if f not in e.used: return None
        return int(e.v[f]) if e.attrs[f][0] in ints and not typed_str else e.v[f]
    r = R.random()
    typed_str = False
    if r < .5:
        fl = ", ".join(fields) if R.random() < .6 or len(fields) == 1 else ", ".join(fields[:-1]) + " and " + fields[-1]
        ins = t("(Extract|Return|Get|Pull out|Give me|Find) (the |)(fields |keys |){f} (from (this|the) text |)(as|in) (JSON|a JSON object|json)( format|)(:|.)", f=fl)
    elif r < .75:
        sch = {"type": "object", "properties": {f: {"type": "string" if f == name_key or e.attrs[f][0] not in ints else "integer"} for f in fields}}
        if R.random() < .6: sch["required"] = fields
        ins = t("(Extract (the data|data|information) (as JSON |)(matching|following|using|with) this (JSON |)schema: {s}|Return JSON (that matches|matching) (this|the) schema {s}|Fill (in |)this schema from the text: {s})", s=json.dumps(sch))
    else:
        ins = t("(Convert the text to JSON with (the |)keys {s}.|Return (only |)a JSON object with (the |)keys {s}.|Answer only with JSON. Keys: {s}.)", s=", ".join(f'"{f}"' for f in fields) if R.random() < .5 else ", ".join(fields))
    out = {f: val(f) for f in fields}
    body = R.choice(["{i}\n\n{t}", "{i}\n{t}", "{i}\nText: {t}", "{t}\n\n{i}", "{i}\n\"{t}\""]).replace("{i}", ins).replace("{t}", text)
    if R.random() < .2:
        msgs = [SYS(ins), U(text)]
    else:
        msgs = maybe_sys([U(body)], .3)
    return conv("json", msgs + [A(json.dumps(out))], answer=out)


PERSON = {  # field: (aliases, value, sentences)
    "name": (["name", "name", "person", "full_name", "who"], lambda: V.person(), None),
    "city": (["city", "town", "place", "location"], lambda: V.city(), ["I live in {v}", "I am from {v}", "My home is {v}", "I come from {v}"]),
    "email": (["email", "mail", "email_address", "contact"], lambda: V.email(), ["You can write to {v}", "My email is {v}", "Mail me at {v}", "Write to {v}"]),
    "phone": (["phone", "telephone", "number", "phone_number"], lambda: V.phone(), ["Call me at {v}", "My number is {v}", "Call {v}", "My phone number is {v}"]),
    "job": (["job", "profession", "occupation", "role"], lambda: R.choice(JOBS), ["I work as a {v}", "I am a {v}", "My job is {v}"]),
    "age": (["age", "age"], lambda: R.randint(6, 99), ["I am {v} years old", "My age is {v}", "I turned {v} this year"]),
    "date": (["date", "day", "when"], lambda: V.date(), ["We met on {v}", "I arrive on {v}", "The visit is on {v}", "My appointment is on {v}"]),
    "color": (["color", "colour", "favorite_color"], lambda: V.color(), ["My favourite colour is {v}", "I like {v}"]),
    "order": (["order", "order_id", "order_number"], lambda: V.code(), ["My order is {v}", "It is about order {v}", "My order number is {v}"]),
    "price": (["price", "amount", "cost", "total"], lambda: V.money(), ["I paid {v}", "The price was {v}", "It cost {v}"]),
    "product": (["product", "item", "article"], lambda: V.prod(), ["I bought the {v}", "I ordered a {v}", "The {v} is broken"]),
}


def extract_person():
    """free first or third person notes with aliased field names"""
    ks = ["name"] * (R.random() < .85) + R.sample([k for k in PERSON if k != "name"], R.randint(1, 4))
    val = {k: PERSON[k][1]() for k in ks}
    parts = [t(R.choice(PERSON[k][2]), v=val[k]) for k in ks if k != "name"]
    if "name" in val:
        n = val["name"]
        first = t("(My name is|I am|Hi, I am|Hello, this is|This is|Hello, my name is|Hi, my name is|I'm) {n}", n=n)
        if R.random() < .4:
            parts = [re.sub(r"^(I am|I'm)\b", "{n} is", re.sub(r"^My ", "{n}'s ", re.sub(r"^I (live|come|like|work|turn|arrive)\b", lambda m: "{n} " + m[1] + "s", re.sub(r"^I (paid|bought|ordered|turned)", r"{n} \1", x)))).replace("{n}", n).replace("Call me", "Call " + n).replace("Mail me", "Mail " + n) for x in parts]
            first = None if any(n in x for x in parts) else first
        if first: parts = [first] + parts
    text = ""
    for x in parts:
        if text and x.startswith("I ") and R.random() < .4: text = text.rstrip(".") + " and " + x
        else: text = (text + " " if text else "") + x
        text += "."
    if R.random() < .3: text += " " + V.sentence(plain=True)[0]
    names = {k: R.choice(PERSON[k][0]) for k in ks}
    ask = ks[:]
    if R.random() < .3 and len(ask) > 1: ask.remove(R.choice(ask))
    if R.random() < .25:
        m = R.choice([k for k in PERSON if k not in ks]); ask.append(m); names[m] = R.choice(PERSON[m][0])
    if R.random() < .4: R.shuffle(ask)
    out = {names[k]: val.get(k) for k in ask}
    fields = list(out)
    fl = ", ".join(fields) if R.random() < .4 or len(fields) == 1 else ", ".join(fields[:-1]) + " and " + fields[-1]
    ins = t(R.choice(["(Extract|Return|Get|Give me|Find|Pull) (the |)(fields |keys |){f} (from (this|the) (text|message) |out of this text |)as (JSON|a JSON object|json)(:|.)",
                      "(Give me|Return|Make|Write) (JSON|a JSON object) with (the keys |the fields |){f}(:|.)", "JSON with {f}:"]), f=fl)
    body = R.choice(["{i} {t}", "{i}\n\n{t}", "{i}\n{t}", "{i}\nText: {t}", "{t}\n\n{i}", "{t} {i}"]).replace("{i}", ins).replace("{t}", text)
    return conv("json", maybe_sys([U(body), A(json.dumps(out))], .3), answer=out)


# ---------------------------------------------------------- titles, summary
def title():
    r = R.random()
    if r < .45:
        e = Ent(); a = R.choice(list(e.attrs))
        q, ans, ti = e.ask(a), e.answer(a), cap(f"{e.attrs[a][1]} of {e.e}")
    elif r < .6:
        x = some_tool()
        q, ans, ti = x["req"], t("(Done.|Sure.|I have done that.)"), cap(" ".join(x["req"].rstrip("?.").split()[:5]))
    elif r < .72:
        k = R.choice(list(GUIDE)); g = GUIDE[k]
        q, ans, ti = t(R.choice(g["q"])), t(R.choice(g["a"])), g["title"]
    elif r < .82:
        h, p_, o = story_args(); q, ans, ti = story_req(h, p_, o), story_text(h, p_, o)[:120], f"Story about {h}"
    elif r < .92:
        k, tp, q = ood_question(); ans, ti = ood_reply(k, tp), "Question about " + tp if tp else cap(" ".join(q.rstrip("?.!").split()[:5]))
    else:
        n = V.first(); q, ans, ti = t("(Hi|Hello|Hey), (I am|my name is|I'm) {n}", n=n), f"Nice to meet you, {n}!", f"Introduction of {n}"
    ask = t("(Write|Give|Create|Suggest|Generate|Make) a (short |concise |)title (of|with|in) (3 to 5|3-5|three to five|at most five|a few) words for (this|the) (conversation|chat)(.|:)( Reply with the title only.| Only the title.|)")
    cv = R.choice([f"User: {q}\nAssistant: {ans}", f"user: {q}\nassistant: {ans}", f"{q}", f"User: {q}"])
    m = R.random()
    if m < .5: msgs = [U(ask + "\n\n" + cv)]
    elif m < .8: msgs = [SYS(ask), U(cv)]
    else: msgs = [U(q), A(ans), U(ask)]
    return conv("title", msgs + [A(ti)], answer=ti)


def summary():
    e = Ent(nattr=R.randint(1, 3))
    first = e.state(e.used[0])
    rest = [e.state(a, False) for a in e.used[1:]] + [V.sentence()[0] for _ in range(R.randint(1, 3))]
    R.shuffle(rest)
    text = " ".join([first] + rest)
    ask = t("(Summari(z|s)e (this|the text|the following)( text|)( in one sentence| briefly| in a single sentence|)(:|.)|Give (me |)a (one sentence|short|brief) summary( of this|):|(What is the main point|TL;DR)(?|:)|Sum this up(:| in one sentence:))".replace("(z|s)", R.choice("zs")))
    return conv("summary", maybe_sys([U(R.choice([f"{ask}\n\n{text}", f"{ask}\n{text}", f"{text}\n\n{ask}"])), A(first)], .25), answer=first)


# ------------------------------------------------------------------ text ops
def words(n=None, pool=None): return R.sample(pool or (NOUNS + FOODS + ANIMALS + COLORS), n or R.randint(2, 6))


def lst(ws): return R.choice([", ".join(ws), ", ".join(ws), " ".join(ws), ", ".join(ws[:-1]) + " and " + ws[-1]])


def op():
    k = R.choices(["upper", "lower", "sort", "count", "rev", "add", "sub", "repeat", "first", "max", "bullets", "remove", "numsort", "join", "number", "compare", "has", "replace"],
                  [1, 1, 3, 5, 7, 9, 9, 18, 6, 2, 4, 5, 2, 4, 4, 1, 4, 6])[0]
    ws = words(); L = lst(ws)
    if k in ("upper", "lower"):
        ws = words(R.randint(1, 3)); s = " ".join(ws) if R.random() < .7 else made(R)
        return (t("((Write|Put|Convert|Change|Turn) (this |)(in|to|into) (uppercase|capital letters|upper case): {s}|Uppercase {s})", s=s), s.upper()) if k == "upper" else (t("(Write|Put|Convert|Change) (this |)(in|to) (lowercase|lower case|small letters): {s}", s=s.upper()), s.lower())
    if k == "sort": return t("(Sort (these|this list|these words|the list|) (alphabetically|in alphabetical order|from A to Z): {l}|Put these in alphabetical order: {l}|Alphabeti(z|s)e: {l})".replace("(z|s)", R.choice("zs")), l=L), ", ".join(sorted(ws))
    if k == "count": return t("(How many (words|items|things) are (there |)in (this list|this|the list)(?|:)|Count the (words|items)(:| in:)|How many words(:|?)) {l}", l=" ".join(ws) if R.random() < .4 else ", ".join(ws)), str(len(ws))
    if k == "rev": return t("(Reverse (this list|the list|the order|these words|the words)(:| of)|Put this list in reverse order:|Write (this list|these words) backwards:|Reverse) {l}", l=L), ", ".join(ws[::-1])
    if k in ("add", "sub"):
        hi = R.choice([10, 10, 20, 20, 50, 100])
        a, b = R.randint(0, hi), R.randint(0, hi)
        if k == "sub" and b > a: a, b = b, a
        o, w = ("+", "plus") if k == "add" else ("-", "minus")
        r = a + b if k == "add" else a - b
        q = t("(What is|What's|Calculate|Compute|How much is|) {a} {o} {b}(?|)", a=a, b=b, o=R.choice([o, o, w])).strip()
        return q, f"{a} {o} {b} = {r}"
    if k == "repeat":
        s = R.choice([lambda: V.sentence()[0], lambda: V.fullname(), lambda: V.code(), lambda: " ".join(words()), lambda: V.email(), lambda: " ".join(syll(R) for _ in range(R.randint(1, 4))), lambda: V.num(10, 99999999), lambda: made(R) + " " + R.choice(VERBS3) + " " + made(R)])()
        return t("(Repeat (after me|this|exactly|the following|)|Say|Echo|Copy (this|the text)|Write exactly)(: |: |\n){s}", s=s), s
    if k == "first":
        i, w = R.choice([(0, "first"), (-1, "last"), (1, "second"), (2, "third")])
        if len(ws) <= 2 and i == 2: i, w = 0, "first"
        return t("What is the {w} (word|item|element) (in|of) (this list|the list|this)(:|?) {l}", w=w, l=", ".join(ws)), ws[i]
    if k == "max":
        ns = R.sample(range(1, R.choice([20, 100, 1000])), R.randint(2, 5)); big = R.random() < .5
        return t("(Which|What) (number |)is the {w}(:|?) {l}", w=R.choice(["largest", "biggest", "highest", "maximum"] if big else ["smallest", "lowest", "minimum"]), l=", ".join(map(str, ns))), str(max(ns) if big else min(ns))
    if k == "numsort":
        ns = R.sample(range(1, R.choice([20, 100, 100])), R.randint(2, 5))
        return t("Sort (these numbers|the numbers|)( from low to high| in ascending order|): {l}", l=", ".join(map(str, ns))), ", ".join(map(str, sorted(ns)))
    if k == "bullets": return t("(Make|Write|Turn) (this |these |)(into |as |)a (bullet|bulleted) list: {l}", l=L), "\n".join("- " + w for w in ws)
    if k == "number": return t("(Make|Write) a numbered list (of|from|with): {l}", l=L), "\n".join(f"{i + 1}. {w}" for i, w in enumerate(ws))
    if k == "join": return t("Join (these words|this list|these) with (a |)(dash|hyphen): {l}", l=L), "-".join(ws)
    if k == "remove":
        x = R.choice(ws); return t("Remove {x} from (this list|the list|this): {l}", x=x, l=", ".join(ws)), ", ".join(w for w in ws if w != x)
    if k == "has":
        x = R.choice(ws) if R.random() < .5 else R.choice([w for w in NOUNS if w not in ws])
        return t("(Is|Do you see) {x} in (this list|the list)(:|?) {l}", x=x, l=", ".join(ws)), ("Yes, " + x + " is in the list." if x in ws else "No, " + x + " is not in the list.")
    if k == "replace":
        x, y = R.choice(ws), R.choice(words(3)); return t("Replace {x} with {y}(:| in:) {l}", x=x, y=y, l=", ".join(ws)), ", ".join(y if w == x else w for w in ws)
    a, b = R.sample(range(1, 1000), 2)
    return t("(Which is (larger|bigger)|What is bigger), {a} or {b}?", a=a, b=b), f"{max(a, b)} is larger."


def turn_ops():
    q, a = op()
    return [U(q), A(a)]


# ------------------------------------------------------------------- stories
def story_args():
    h = R.choice([lambda: V.first(), lambda: "a " + R.choice(ADJ[:12] + ["brave", "shy", "curious", "tiny"]) + " " + R.choice(ANIMALS), lambda: R.choice(ANIMALS) + " named " + V.first(), lambda: "a " + R.choice(ANIMALS), lambda: "a " + R.choice(JOBS)])()
    return h, R.choice(PLACES) if R.random() < .8 else V.city(), R.choice(OBJECTS)


def art(w): return ("an " if w[0] in "aeiou" else "a ") + w


def story_req(h, p_, o):
    hh = art(h) if " named " in h else h.replace("a o", "an o") if h.startswith("a o") else h
    pl = p_ if p_[0].isupper() else "the " + p_
    return t(R.choice(["(Write|Tell|Tell me) a (short |)story about {h}( in {p}|) and {o}", "(Write|Tell me) a (short |little |)story about {h}, {o} and {p}", "(A |)(Short |)story: {h}, {p}, {o}", "Make up a story (with|about) {h} who finds {o} in {p}", "Write a (short |)(bedtime |)story about {h} in {p} with {o}"]), h=hh, p=pl, o=art(o))


def story_text(h, p_, o):
    if " named " in h:
        kind, nm = h.split(" named "); intro, N = f"{nm} the {kind}", nm
    elif h.startswith("a "):
        kind = h.split()[-1]; intro, N = art(h[2:]), "the " + kind
    else:
        intro, N = h, h
    pl = p_ if p_[0].isupper() else "the " + p_
    f = R.choice(ANIMALS); fn = V.first()
    S = [t("(Once upon a time,|Long ago,|One (quiet|bright|rainy|cold) (morning|evening),|There was a day when) {i} (walked|came|travelled|wandered) to {p}.", i=intro, p=pl),
         t("(There|Near the entrance|Under an old tree|Behind a stone), {N} (found|saw|discovered) (the|one small|one strange|one shiny) {o}.", N=N, o=o),
         t("(The {o} was (warm|glowing|very old|covered in dust|humming softly).|Nobody knew who had lost the {o}.|The {o} seemed to whisper.)", o=o),
         t("(Soon|Then|After a while), a (friendly|tired|wise|nervous) {f} named {n} (appeared|came along|asked for help).", f=f, n=fn),
         t("\"(Is that my {o}|Have you seen my {o}|That {o} belongs to me|Please help me find my {o})!\" (said|called) {n}.", o=o, n=fn),
         t("{N} (smiled and gave the {o} back|shared the {o} with {n}|helped {n} at once|laughed and handed over the {o}).", N=cap(N), n=fn, o=o),
         t("(From that day on|In the end|That night), {N} and {n} (were best friends|watched the stars together|told the story again and again|came back to {p} every year|had a great feast).", N=N, n=fn, p=pl)]
    if R.random() < .3: del S[2]
    return " ".join(cap(s) for s in S)


def story():
    a = story_args()
    msgs = [U(story_req(*a) + R.choice(["", ".", "."])), A(story_text(*a))]
    if R.random() < .15: msgs += [U(t("(Thanks|Nice|Great story|I like it|Lovely)(!|.|)")), A(t("(You are welcome!|I am glad you like it!|Thank you! I enjoy telling stories.)"))]
    return conv("story", maybe_sys(msgs, .25), args=a)


# ----------------------------------------------------------- out of domain
OOD_TOPICS = """quantum mechanics|the French Revolution|photosynthesis|black holes|the stock market|machine learning|general relativity|world history|the Roman Empire
DNA|climate change|evolution|the human heart|gravity|inflation|electric cars|the solar system|the water cycle|volcanoes|vaccines|blockchain|the Cold War|philosophy|Shakespeare
neural networks|string theory|thermodynamics|the immune system|plate tectonics|democracy|the Renaissance|jazz music|modern art|the Olympic Games|football|tax law|nutrition|meditation
the pyramids|ancient Greece|the moon landing|nuclear power|renewable energy|protein folding|the periodic table|linear algebra|calculus|prime numbers|game theory|probability|compilers|databases
operating systems|the internet|cryptography|Kubernetes|React hooks|regular expressions|recursion|pointers in C|memory management|HTTP|Linux|Docker|Git rebasing|SQL joins|TCP|sorting algorithms""".replace("\n", "|").split("|")
LANGS = "Python C Java JavaScript Rust Go Ruby SQL Bash TypeScript Haskell Swift PHP".split() + ["C++"]
TONGUES = "French German Spanish Italian Japanese Chinese Russian Polish Dutch Latin Arabic Turkish Swedish Portuguese".split()
CODE = ["sorts a list", "reverses a string", "checks if a number is prime", "reads a file", "computes the factorial", "parses JSON", "downloads a page", "finds duplicates", "prints the Fibonacci numbers", "validates an email", "sends a request", "counts words", "merges two lists", "draws a circle", "implements binary search", "opens a window"]
THEMES = "love|the sea|autumn|my mother|rain|the moon|friendship|war|hope|spring|time|coffee".split("|")
COUNTRIES = "France Spain Japan Brazil Canada Egypt India Kenya Peru Norway Poland Germany Italy Australia Mexico Chile Greece Turkey Sweden Vietnam Portugal Finland Ireland Morocco".split()
PEOPLE = "Einstein|Napoleon|Mozart|Newton|Cleopatra|Darwin|Marie Curie|Plato|Picasso|Beethoven|Gandhi|Galileo|Shakespeare|Tesla|Caesar".split("|")


def ood_question():
    """returns (class, topic phrase, question)"""
    r = R.random()
    tp = R.choice(OOD_TOPICS) if R.random() < .8 else R.choice([R.choice(ADJ) + " " + R.choice(NOUNS) + "s", made(R), "the history of " + R.choice(NOUNS) + "s"])
    if R.random() < .1: return "ask", "", V.sentence(full=True)[3]
    if R.random() < .12:
        return "ask", "", t(R.choice(["(Which|What) ({a}|{b}) is the (largest|closest|fastest|oldest|deepest|smallest|highest|most common|most expensive)( in the world| in {c}| of all|)", "How many {x} (does|do) (a |the |){a} have", "How many {x} are (there |)in (a |the |){b}",
            "Who (invented|discovered|painted|wrote|composed|built|designed) the {n}", "When did the {n} (start|end|happen|begin|open)", "Why (do|are|is|does) the {a} {v}", "What (is|are) (a |an |the |){a} (made of|used for|called)", "How (old|big|tall|long|fast|deep|hot|far) is (a |the |){b}", "Where (do|does|is|are) (the |){a} (live|come from|grow|found)", "Name (three|five|ten|some) {x}", "List the {x} of {c}", "What (colour|kind|type) of {a} is that", "(Is|Are) {a} (bigger|older|better|faster) than {b}"]),
            a=R.choice(ANIMALS + NOUNS + THINGS), b=R.choice(["planet", "ocean", "river", "star", "moon", "continent", "language", "metal", "element", "country", "city", "mountain", "galaxy", "Mars", "Jupiter", "Venus", "the sun", "the earth"] + NOUNS), x=R.choice("moons legs bones strings players states teeth days people wings rings eyes seasons stars countries colours kings".split()), n=R.choice(NOUNS), v=R.choice(["sing", "sleep", "fall", "burn", "float", "grow", "shine", "fly"]), c=R.choice(COUNTRIES + ["Europe", "Asia", "Africa"])) + R.choice(["?", "?", ""])
    if r < .24:
        return "know", tp, t("(Explain {t}|What is {t}|Tell me about {t}|How does {t} work|Can you explain {t}( to me|)|What do you know about {t}|Teach me {t}|Describe {t}|Why is {t} important|Give me an overview of {t}|Write an essay (about|on) {t}|I want to learn about {t}|Summarize {t}|Who invented {t}|Compare {t} and {u}|What is the difference between {t} and {u})(?|.|)", t=tp, u=R.choice(OOD_TOPICS))
    if r < .4:
        c, p_ = R.choice(COUNTRIES), R.choice(PEOPLE)
        tp, q = R.choice([("the capital of " + c, "What is the capital (city |)of {c}"), ("the population of " + c, "(What is the population of {c}|How many people live in {c})"), (p_, "Who was {p}"), (p_, "When (was {p} born|did {p} die)"), ("the president of " + c, "Who is the president of {c}"), ("the history of " + c, "Tell me about the history of {c}"),
                          ("the currency of " + c, "What (currency|money) is used in {c}"), ("the weather", "(What is the weather|Will it rain) (today|tomorrow)"), ("the news", "(What is in the news|What happened in the world|Give me the latest news)( today|)"), ("the time", "What (time is it|day is it|is the date)( today|)"),
                          ("the distance", "How far is (the moon|the sun|{c})"), ("sports results", "Who won the (match|game|world cup|race)( yesterday|)"), ("prices", "How much is (bitcoin|gold|a share of Apple)( today|)"), ("travel tips", "(What should I visit|Where should I stay) in {c}"), ("the tallest mountain", "What is the (tallest|highest) mountain(| in {c})"), ("books", "(Recommend|Suggest) (me |)a (good |)(book|film|movie|song)"), ("animals", "(Why|How) do (cats purr|birds fly|dogs bark|fish breathe|bees dance)"), ("the sky", "Why is the (sky blue|sea salty|grass green)")])
        return "fact", tp, t(q, c=c, p=p_) + R.choice(["?", "?", ""])
    if r < .56:
        l, c = R.choice(LANGS), R.choice(CODE)
        return "code", f"{l} code", t("(Write (me |)(a|some) {l} (function|script|program|code) that {c}|How do I write {l} code that {c}|Code in {l} that {c}|Fix (this|my) {l} code|Debug my {l} program|Give me {l} code that {c}|Create a {l} (class|app|website)|How do I install {l}|Build (me |)(a game|an app|a website) in {l})(?|.|)", l=l, c=c)
    if r < .68:
        l = R.choice(TONGUES)
        s = R.choice([V.sentence()[0], "good morning", "I love you", "where is the station", R.choice(NOUNS), "thank you very much"])
        return "translate", l, t("(Translate (this |)(to|into) {l}: {s}|How do you say {s} in {l}?|What is {s} in {l}?|Translate \"{s}\" (to|into) {l}|(Write|Say) {s} in {l})", l=l, s=s)
    if r < .78:
        return "math", "harder mathematics", t("(Prove that (there are infinitely many primes|the square root of {n} is irrational|{n} is not prime)|Solve (the equation |)x^2 + {n}x + {m} = 0|What is the (derivative|integral) of (x^{n}|sin x|e^x)|What is {n}{m} (times|*|multiplied by) {m}{n}|What is the square root of {n}{m}|Solve {n}x + {m} = 0|How many ways can {n} people sit|Factor {n}{m}{n}|What is {n}% of {m}{n})(?|.|)", n=R.randint(2, 99), m=R.randint(2, 99))
    if r < .86:
        x = R.choice(["headache", "fever", "sore back", "lease", "contract", "divorce", "rash", "tax return", "mortgage", "loan", "cough"])
        return "advice", "advice about that", t("(What should I do about my {x}|I have a {x}. What (can|should) I do|Is my {x} (dangerous|legal|serious)|Help me with my {x}|Should I (buy stocks|quit my job|move to {c}|take medicine|invest in gold)|How (can|do) I (lose weight|get rich|sleep better|learn faster|find a job|cook rice|fix a bike|grow tomatoes))(?|)", x=x, c=V.city())
    if r < .95:
        th = R.choice(THEMES)
        return "write", "that kind of text", t("(Write (me |)a (poem|song|haiku|speech|letter|blog post|novel|joke|limerick|cover letter|business plan|press release|screenplay) (about|on|for) {t}|Compose a (song|poem) about {t}|Draft (an email|a letter|a contract|a speech) (about|for) {t}|Rewrite this in the style of {p}|Improve my (essay|CV|letter)|Roleplay as {p}|Imagine you are {p})(?|.|)", t=th, p=R.choice(PEOPLE))
    return "strange", "", R.choice([lambda: " ".join(syll(R) for _ in range(R.randint(1, 6))), lambda: " ".join(words(R.randint(1, 3))), lambda: "".join(R.choice("asdfghjklqwertyuiop") for _ in range(R.randint(4, 16))), lambda: V.sentence()[0], lambda: R.choice(["???", "...", "hmm", "Bonjour, comment ca va?", "Wie geht es dir?", "Hola, que tal?", "Ciao, come stai?", "42", "foo bar", "test", "Kannst du mir helfen?", "Parlez-vous francais?"])])()


OPEN = {
    "know": ["I cannot explain {t} (well|reliably|correctly).", "{T} is (beyond|too big for) (me|what I know).", "I do not know (enough|much) about {t}.", "Sorry, {t} is outside what I can explain."],
    "fact": ["I do not know facts like that (reliably|for sure).", "I cannot answer questions about {t} (reliably|from memory).", "Sorry, I do not have knowledge about {t}.", "I would only be guessing about {t}."],
    "code": ["I cannot write {t} (well|reliably|that works).", "Sorry, writing {t} is beyond me.", "I am too small to write {t}.", "Programming is not something I can do."],
    "translate": ["I cannot translate (to|into) {t}.", "Sorry, I do not speak {t}.", "Translation is beyond me, I only know simple English."],
    "math": ["That is too hard for me.", "I can only do small additions and subtractions.", "Sorry, {t} is beyond me."],
    "advice": ["I cannot give {t}.", "I am not able to give good {t}.", "Please ask a (person you trust|professional|real expert) about that."],
    "write": ["I cannot write {t} well.", "Sorry, {t} is beyond me.", "That kind of writing is too hard for me."],
    "ask": ["I do not know that.", "I cannot answer that (from memory|reliably).", "I do not have that knowledge.", "I would only be guessing."],
    "strange": ["I did not understand that.", "Sorry, I am not sure what you mean.", "I am not sure how to answer that."],
}
MID = [f"I am {MODEL}, a (very small|tiny) starter model(|, trained only on simple made-up examples).", f"I am only {MODEL}, a tiny starter model.", f"{MODEL} is a (very small|tiny) starter model, and I (do not want to|will not) make something up.", f"As a tiny starter model, I would (probably |)get it wrong."]
END = ["(Please pull|Try pulling|You can pull) a larger model (in|from) the Models page(| for that| for this kind of question).", "A larger model can help: open Models and pull one.", "For that, pull a (larger|bigger) model (on the Models page|in Models).",
       "I can chat a little, answer from your documents, call tools and make JSON. For more, pull a larger model(| on the Models page)."]


def ood_reply(k, tp):
    return t(" ".join([R.choice(OPEN[k]), R.choice(MID), R.choice(END)]), t=tp, T=cap(tp))


def turn_ood():
    k, tp, q = ood_question()
    return [U(sloppy(q)), A(ood_reply(k, tp))]


def turn_ood_plain():
    while True:
        k, tp, q = ood_question()
        if k in ("know", "code", "translate", "write", "advice"):
            return [U(sloppy(q)), A(ood_reply(k, tp))]


# ---------------------------------------------------- small talk and memory
def turn_smalltalk():
    k = R.choice(list(SMALLTALK))
    return [U(sloppy(t(R.choice(SMALLTALK[k]["q"])))), A(t(R.choice(SMALLTALK[k]["a"])))]


def turn_guide():
    g = GUIDE[R.choice(list(GUIDE))]
    return [U(sloppy(t(R.choice(g["q"])))), A(t(R.choice(g["a"])))]


MEM = {  # key: (value, tell, acknowledge, ask, recall)
    "name": (lambda: V.first() if R.random() < .8 else V.fullname(), ["(Hi|Hello|Hey|Hi there|Good morning)(,|!|.) (my name is|I am|I'm|this is) {v}(.|!|)", "My name is {v}(.|)", "I'm {v}(.|)", "I am {v}(.| by the way|)", "(You can |Please |)call me {v}(.|)", "{v} here(.|!)", "(People|My friends) call me {v}(.|)"],
             ["(Nice|Good) to meet you, {v}! (How can I help(| you)?|What can I do for you?)", "Hello {v}! (How can I help(| you)?|What can I do for you?)"], ["What is my name?", "What's my name?", "What was my name( again|)?", "(Say|Repeat) my name(.|)", "And what is my name?", "Can you remember my name?", "(Do you remember|Do you know|Can you tell me|Tell me) (my name|who I am)(?|)", "Who am I?", "What am I called?"], ["Your name is {v}."]),
    "color": (lambda: V.color(), ["My favo(u|)rite colo(u|)r is {v}(.|)", "I (like|love) the colo(u|)r {v}(.|)"], ["{V} is a (nice|lovely|great) colour!", "I will remember that: {v}."], ["What is my favo(u|)rite colo(u|)r?", "(Which|What) colo(u|)r do I like?"], ["Your favourite colour is {v}."]),
    "city": (lambda: V.city(), ["I (live in|am from|come from|moved to) {v}(.|)", "My (home |)(city|town) is {v}(.|)"], ["{v} sounds like a nice place!", "Good to know that you are from {v}."], ["Where (do I live|am I from)?", "(What is|Which is) my (city|town|home town)?"], ["You told me that you are from {v}."]),
    "job": (lambda: R.choice(JOBS), ["I (work as|am) a {v}(.|)", "My job is {v}(.|)"], ["That is interesting! Being a {v} must be a good job.", "Thanks for telling me that you are a {v}."], ["What is my job?", "What do I do( for a living|)?", "What do I work as?"], ["You are a {v}."]),
    "pet": (lambda: V.first(), ["My (pet|cat|dog|rabbit|bird) is (called|named) {v}(.|)", "I have a (cat|dog|rabbit) (called|named) {v}(.|)"], ["{v} is a (lovely|cute|great) name for a pet!", "Say hello to {v} from me!"], ["What is my (pet|pet's name)( called|)?", "What is the name of my (pet|cat|dog)?", "(Can you tell me|Do you remember|Do you know) (the name of my (pet|dog|cat)|what my (pet|cat|dog) is called)?"], ["Your pet is called {v}."]),
    "hobby": (lambda: V.hobby(), ["I (like|love|enjoy) {v}(.|)", "My hobby is {v}(.|)"], ["{V} is a (nice|great) hobby!", "{V} sounds like fun!"], ["What is my hobby?", "What do I (like|enjoy)( doing| to do)?"], ["Your hobby is {v}."]),
    "food": (lambda: V.food(), ["My favo(u|)rite food is {v}(.|)", "I (like|love) to eat {v}(.|)"], ["{V} must be (tasty|delicious)!", "I will remember that you like {v}."], ["What is my favo(u|)rite food?", "What do I like to eat?"], ["Your favourite food is {v}."]),
}


def memory():
    keys = R.sample(list(MEM), R.choices([1, 2, 3], [55, 32, 13])[0])
    if R.random() < .6 and "name" not in keys: keys[0] = "name"
    msgs, vals = [], {}
    if R.random() < .15: msgs += turn_smalltalk()
    for k in keys:
        mk, tell, ack, ask, rec = MEM[k]
        v = vals[k] = mk()
        if v[0].lower() in "aeiou" and k == "job":
            v = vals[k] = "teacher"
        msgs += [U(t(R.choice(tell), v=v)), A(t(R.choice(ack), v=v, V=cap(v)))]
        if R.random() < .45:
            msgs += R.choices([turn_smalltalk, turn_guide, turn_ops, turn_ood], [35, 25, 20, 20])[0]()
    order = keys[:]
    R.shuffle(order)
    key, exp = None, None
    for k in order[:R.randint(1, 2)]:
        exp = t(MEM[k][4][0], v=vals[k]); key = vals[k]
        msgs += [U(sloppy(t(R.choice(MEM[k][3])))), A(exp)]
    return conv("memory", maybe_sys(msgs), answer=key, full=exp)


def memory_unknown():
    k = R.choice(list(MEM))
    what = {"name": "your name", "color": "your favourite colour", "city": "where you live", "job": "your job", "pet": "the name of your pet", "hobby": "your hobby", "food": "your favourite food"}[k]
    msgs = turn_smalltalk() if R.random() < .5 else []
    if R.random() < .3:
        o = R.choice([x for x in MEM if x != k]); v = MEM[o][0]()
        if o == "job": v = "teacher"
        msgs += [U(t(R.choice(MEM[o][1]), v=v)), A(t(R.choice(MEM[o][2]), v=v, V=cap(v)))]
    msgs += [U(sloppy(t(R.choice(MEM[k][3])))), A(t("(You have not told me|I do not know) {w} yet.", w=what))]
    return conv("memory_unknown", maybe_sys(msgs), answer=None)


def chat():
    msgs = []
    for _ in range(R.choices([1, 2, 3, 4], [50, 25, 15, 10])[0]):
        msgs += R.choices([turn_smalltalk, turn_guide, turn_ops, turn_ood], [34, 34, 14, 18])[0]()
    return conv("chat", maybe_sys(msgs), answer=msgs[-1]["content"])


def ops(): q, a = op(); return conv("ops", maybe_sys([U(q), A(a)], .2), answer=a)
def ood(): return conv("ood", maybe_sys(turn_ood()))
def guide(): return conv("guide", maybe_sys(turn_guide()))


MIX = [(rag, 25), (tools, 22), (extract, 13), (memory, 8), (memory_unknown, 1.5), (chat, 8), (guide, 4), (ood, 6), (ops, 8), (title, 3), (summary, 3), (story, 2)]


def rag_marked(): return rag(marked=True)
def rag_plain(): return rag(marked=False)


def generate(seed, n, only=None):
    R.seed(seed)
    fs, ws = zip(*[(f, w) for f, w in MIX + [(rag_marked, 0), (rag_plain, 0)] if only is None or f.__name__ in only])
    if only: ws = [1] * len(fs)
    for _ in range(n):
        yield R.choices(fs, ws)[0]()


def sample(fn, seed, *a):
    R.seed(seed)
    return fn(*a)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--n", type=int, default=10); ap.add_argument("--seed", type=int, default=0); ap.add_argument("--only")
    a = ap.parse_args()
    for c in generate(a.seed, a.n, a.only.split(",") if a.only else None):
        print(json.dumps(c, ensure_ascii=False))
