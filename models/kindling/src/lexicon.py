# SPDX-License-Identifier: AGPL-3.0-or-later
"""Word lists and random value makers used by generate.py (all written for this project)."""
import re

FIRST = """Anna Ben Clara David Elena Felix Grace Hugo Ines Jonas Kira Leo Maria Noah Olga Paul Rosa Sam Tina Victor Wendy Yusuf Zoe
Amir Bella Carlos Diana Emil Fatima George Hana Ivan Julia Karim Lena Marco Nina Oscar Petra Quinn Ravi Sofia Tom Uma Vera Will Xenia
Alice Bruno Chen Dora Erik Fiona Gabriel Helen Isaac Jana Kofi Lucia Mina Nico Otto Priya Ruth Simon Tara Umar Viola Walter Yara Zane
Aisha Boris Celia Dmitri Esther Farah Gina Henrik Irene Jamal Katya Liam Mei Nadia Omar Pablo Rania Stefan Thea Ursula Vlad Yuki Adam
Bianca Cyrus Daria Eli Flora Gustav Ida Joel Kai Laura Mateo Naomi Oliver Pia Rami Sara Theo Vincent Agnes Bilal Cora Dan Eva John Mary
Peter James Emma Linda Robert Susan Michael Kate Jack Lucy Max Amy Mark Jane Alex Chris Nick Rose Lily Ella Maya Nora Iris Ruby""".split()
LAST = """Smith Jones Brown Miller Weber Rossi Novak Silva Garcia Tanaka Khan Petrov Larsen Dubois Fischer Moreau Costa Haddad Okafor Kim Lee
Patel Singh Nguyen Kowalski Horvat Andersen Berg Lind Wolf Hill Stone Baker Carter Mason Fox Wright Young King Scott Green Adams Reed
Cole Ward Hayes Grant Shaw Price Bell Marsh Flynn Burke Doyle""".split()
CITIES = """Berlin Paris Rome Madrid Lisbon Vienna Prague Oslo Helsinki Dublin London Tokyo Kyoto Seoul Delhi Mumbai Cairo Lagos Nairobi
Lima Bogota Toronto Boston Chicago Denver Austin Seattle Sydney Perth Athens Zurich Geneva Milan Turin Porto Lyon Nice Hamburg Munich
Cologne Warsaw Krakow Riga Tallinn Vilnius Sofia Zagreb Bergen Malmo Bristol Leeds Oxford Dallas Miami Portland Quebec Havana Tunis""".split()
COLORS = "red blue green yellow black white orange purple grey silver gold brown pink teal navy crimson violet beige turquoise olive".split()
ANIMALS = "fox owl bear rabbit wolf cat dog mouse hedgehog otter badger raven turtle deer squirrel dragon robot goat duck frog horse lion tiger panda whale crow bee ant hare heron".split()
FOODS = "pizza pasta soup rice bread cheese salad pancakes curry sushi tacos noodles dumplings apples berries lentils mushrooms chocolate waffles porridge beans potatoes tomatoes mango olives".split()
HOBBIES = "chess running painting cycling gardening cooking hiking swimming photography knitting fishing sailing reading climbing dancing skating pottery archery origami baking singing juggling surfing carpentry astronomy".split()
JOBS = """engineer teacher nurse designer lawyer baker pilot farmer doctor carpenter chemist editor librarian plumber architect chef translator
accountant painter electrician researcher analyst gardener photographer journalist manager technician consultant writer musician sculptor tailor welder""".split()
ROLES = ["project manager", "team lead", "product owner", "data analyst", "head of sales", "support engineer", "finance director", "lab manager",
         "office manager", "chief editor", "security officer", "warehouse supervisor", "marketing lead", "research assistant", "site planner",
         "quality inspector", "training coordinator", "account manager", "backend developer", "art director"]
DEPTS = ["finance", "marketing", "research", "support", "logistics", "sales", "legal", "design", "operations", "security", "training", "purchasing", "engineering", "quality"]
MATERIALS = "oak steel copper glass cotton leather bamboo aluminium ceramic wool titanium plastic paper granite rubber linen brass marble silk carbon cork".split()
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
THINGS = """lamp chair table bottle backpack clock camera speaker kettle bicycle drone keyboard tent jacket scooter printer heater mirror drill
pump filter sensor router monitor headset blender ladder compass umbrella helmet""".split()
PLACES = "forest castle village harbour mountain library island garden desert lighthouse valley market river cave meadow tower bridge station museum bakery school farm".split()
OBJECTS = "key map lantern book coin ring feather stone bell mirror letter compass clock umbrella kite flute box rope seed crown shell button spoon cup hat".split()
NOUNS = """report budget plan contract invoice schedule survey draft proposal summary ticket order delivery payment warehouse server pipeline
valve engine battery cable window roof door garden kitchen bridge tunnel tower ship truck train bus road field forest river lake mountain
harbour station hospital school museum library theatre office factory laboratory workshop market shop hotel restaurant bakery
team group committee board council club manager customer supplier visitor student teacher engineer driver pilot guard
camera sensor printer scanner phone tablet screen keyboard speaker lamp heater pump filter fan motor wheel brake
apple orange potato tomato carrot onion pepper sugar flour coffee tea milk water oil salt honey
document folder file archive backup password account policy rule law permit licence certificate badge
storm wind rain snow fog sunrise winter summer spring autumn""".split()
ADJ = """old new large small quiet bright dark heavy light fast slow green blue red broken empty full early late short long wooden metal
cheap expensive rare common modern narrow wide deep shallow cold warm dry wet clean dusty friendly strict local annual monthly central
northern southern eastern western public private digital manual spare main second final secret simple complex famous""".split()
VERBS3 = ["opens", "closes", "repairs", "checks", "moves", "replaces", "supports", "delivers", "stores", "controls", "protects", "cleans", "paints", "measures",
          "monitors", "collects", "inspects", "connects", "powers", "follows", "approves", "reviews", "orders", "sells", "buys", "plans", "rejects", "visits",
          "needs", "uses", "builds", "tests", "blocks", "cools", "heats", "covers", "carries", "teaches", "records", "updates"]
BASE = {"teaches": "teach", "carries": "carry", "closes": "close", "approves": "approve"}
ADV = ["every morning", "twice a week", "once a month", "before noon", "after lunch", "at night", "during winter", "in the summer", "without delay",
       "by hand", "near the river", "behind the station", "on the second floor", "in the basement", "with great care", "for free", "under the old bridge",
       "at the main gate", "in the north wing", "every two hours", "on weekends", "next to the harbour", "after each storm", "before the audit"]

ON = "b br c cr d dr f fl g gl gr h j k kl kr l m n p pl pr qu r s sh sk sl st t th tr v vr w x y z zh".split()
VO = "a e i o u a e i o ai ea ia io ou ei".split()
CO = ["", "", "", "n", "r", "l", "s", "m", "x", "th", "nd", "rn", "ck", "v", "t", "d", "lm", "sk", "p", "k", "g", "z"]


# everyday statements with questions they answer; slots are filled by Values.pattern
PATTERNS = [
    ("The {n} is closed on {day}s.", ["When is the {n} closed?", "On which day is the {n} closed?"]),
    ("The {n} is open from {time} to {time2}.", ["When is the {n} open?", "What are the opening hours of the {n}?", "At what time does the {n} open?", "When does the {n} close?"]),
    ("The {n} opens at {time}.", ["When does the {n} open?", "What time does the {n} open?"]),
    ("The {a} {n} is in the {n2}.", ["Where is the {a} {n}?", "Where can I find the {a} {n}?"]),
    ("The {n} is kept in {room}.", ["Where is the {n} kept?", "Where do we keep the {n}?"]),
    ("{P} is responsible for the {n}.", ["Who is responsible for the {n}?", "Who takes care of the {n}?", "What is {P} responsible for?"]),
    ("{P} handles {n}s.", ["Who handles {n}s?", "Who takes care of {n}s?"]),
    ("{P} designed the {n} in {year}.", ["Who designed the {n}?", "When was the {n} designed?"]),
    ("The {n} was designed by {P}.", ["Who designed the {n}?", "Whose design is the {n}?"]),
    ("The {a} {n} was built in {year} by {B}.", ["Who built the {a} {n}?", "When was the {a} {n} built?", "In what year was the {a} {n} built?"]),
    ("The {a} {n} is repaired by {P}.", ["Who repairs the {a} {n}?", "Who fixes the {a} {n}?"]),
    ("The {n} is made of {mat}.", ["What is the {n} made of?", "Which material is the {n} made of?"]),
    ("There are {num} {n}s in the {n2}.", ["How many {n}s are in the {n2}?", "How many {n}s are there?"]),
    ("The {n2} has {num} {n}s.", ["How many {n}s does the {n2} have?"]),
    ("Each {job} gets {money}.", ["How much does each {job} get?", "What does each {job} get?", "How much money does a {job} get?"]),
    ("Every {job} must wear a {c} {thing}.", ["What must every {job} wear?", "What does a {job} have to wear?"]),
    ("Visitors must sign the {n} before {time}.", ["What must visitors sign?", "What do visitors have to sign?", "Until when must visitors sign the {n}?"]),
    ("{n}s are accepted within {days}.", ["Within how many days are {n}s accepted?", "How long are {n}s accepted?", "Until when can I return {n}s?"]),
    ("The {n} can run for {hours}.", ["How long can the {n} run?", "For how long does the {n} run?"]),
    ("The {n} weighs {kg} and is {cm} long.", ["How much does the {n} weigh?", "How long is the {n}?", "What is the weight of the {n}?"]),
    ("The {n} costs {money} per month.", ["How much does the {n} cost?", "What is the monthly price of the {n}?"]),
    ("We pay {money} for the {n}.", ["How much do we pay for the {n}?", "What do we pay for the {n}?"]),
    ("The {n} team meets on {day} at {time}.", ["When does the {n} team meet?", "On which day does the {n} team meet?"]),
    ("{P} and {P2} work on the {a} {n}.", ["Who works on the {a} {n}?", "What do {P} and {P2} work on?"]),
    ("{P} lives next to the {n}.", ["Where does {P} live?", "Who lives next to the {n}?"]),
    ("{P} bought a {c} {thing} for {money}.", ["What did {P} buy?", "How much did {P} pay?", "Who bought a {c} {thing}?", "What colour is the {thing} of {P}?"]),
    ("{P} will visit {city} on {date}.", ["When will {P} visit {city}?", "Where will {P} go?", "Who will visit {city}?"]),
    ("{P} wrote the {n} on {date}.", ["Who wrote the {n}?", "When was the {n} written?"]),
    ("The {n} starts on {date} and lasts {days}.", ["When does the {n} start?", "How long does the {n} last?"]),
    ("The {n} lunch is at the {a} {n2}.", ["Where is the {n} lunch?"]),
    ("The password of the {n} is {code}.", ["What is the password of the {n}?"]),
    ("Please send the {n} to {email}.", ["Where do I send the {n}?", "To which address do I send the {n}?"]),
    ("Smoking is not allowed in the {n}.", ["Where is smoking not allowed?", "Is smoking allowed in the {n}?"]),
    ("The {n} is cleaned by {B} every {day}.", ["Who cleans the {n}?", "When is the {n} cleaned?", "How often is the {n} cleaned?"]),
    ("The nearest {n} is {num} metres away.", ["How far is the nearest {n}?", "How far away is the nearest {n}?"]),
    ("The {c} button starts the {n}.", ["Which button starts the {n}?", "How do I start the {n}?", "What does the {c} button do?"]),
    ("To reset the {n}, hold the {c} key for {num} seconds.", ["How do I reset the {n}?", "How long do I hold the {c} key?"]),
    ("The {n} was delayed because of the {n2}.", ["Why was the {n} delayed?", "What caused the delay of the {n}?"]),
    ("{P} prefers {food} and {food2}.", ["What does {P} prefer?", "Who prefers {food}?"]),
    ("The winner of the {n} was {P} with {num} points.", ["Who won the {n}?", "How many points did {P} have?", "Who was the winner of the {n}?"]),
]


def syll(R, n=None):
    n = n or R.choice([1, 2, 2, 2, 3, 3])
    w = ""
    for i in range(n):
        w += R.choice(ON if i == 0 or R.random() < .8 else [""]) + R.choice(VO) + (R.choice(CO) if i == n - 1 or R.random() < .35 else "")
    if len(w) < 4:
        w += R.choice(["lo", "ra", "nix", "dor", "mel", "tis"])
    return w


def made(R):
    return syll(R).capitalize()


class Values:
    """random values; every method returns a string unless noted"""

    def __init__(self, R):
        self.R = R

    def first(self): return self.R.choice(FIRST) if self.R.random() < .45 else made(self.R)
    def last(self): return self.R.choice(LAST) if self.R.random() < .4 else made(self.R)
    def person(self): return self.first() if self.R.random() < .35 else self.first() + " " + self.last()
    def fullname(self): return self.first() + " " + self.last()
    def city(self): return self.R.choice(CITIES) if self.R.random() < .5 else made(self.R) + self.R.choice(["", "", "ton", "burg", "ville", "stad", " Bay", "field", "ford"])
    def brand(self): return made(self.R) + self.R.choice(["", "", "", " Labs", " Works", " Group", " Systems", " Foods", " Energy", " Partners", " Tools"])
    def prod(self): return made(self.R) + self.R.choice(["", "", " " + str(self.R.randint(1, 99)), " " + self.R.choice("XSPQ") + str(self.R.randint(1, 9)), " Pro", " Mini", " Max", "-" + str(self.R.randint(2, 900))])
    def code(self): return "".join(self.R.choice("BCDFGHJKLMNPRSTVWXZ") for _ in range(self.R.randint(1, 3))) + self.R.choice(["-", "", "-"]) + str(self.R.randint(10, 9999))
    def year(self): return str(self.R.randint(1890, 2031))
    def num(self, a=2, b=999): return str(self.R.randint(a, b))
    def money(self):
        R = self.R
        n = R.choice([R.randint(2, 99), R.randint(100, 999), R.randint(10, 99) * 100, R.randint(10, 99) * 1000])
        return R.choice([f"{n} euros", f"{n} dollars", f"{n} euros", f"${n}", f"{n} pounds"])
    def date(self):
        R = self.R
        d, m = R.randint(1, 28), R.choice(MONTHS)
        return R.choice([f"{d} {m}", f"{m} {d}", f"{d} {m} {R.randint(2019, 2031)}", f"{R.randint(2019, 2031)}-{R.randint(1, 12):02d}-{d:02d}"])
    def day(self): return self.R.choice(DAYS)
    def month(self): return self.R.choice(MONTHS)
    def time(self): return self.R.choice([f"{self.R.randint(7, 20)}:{self.R.choice(['00', '15', '30', '45'])}", f"{self.R.randint(1, 12)} {self.R.choice(['am', 'pm'])}"])
    def room(self): return self.R.choice(["room " + self.num(1, 420), "room " + made(self.R), "hall " + self.R.choice("ABCDEF"), "the " + made(self.R) + " room", "building " + self.num(1, 30)])
    def email(self): return re.sub(r"[^a-z.@]", "", f"{self.first().lower()}{self.R.choice(['.' + self.last().lower(), ''])}@{syll(self.R)}.{self.R.choice(['com', 'org', 'net', 'io', 'example'])}")
    def phone(self): return f"{self.num(100, 999)}-{self.num(1000, 9999)}"
    def topic(self): return self.R.choice(["the ", ""]) + self.R.choice(ADJ) + " " + self.R.choice(NOUNS)
    def hobby(self): return self.R.choice(HOBBIES)
    def food(self): return self.R.choice(FOODS)
    def color(self): return self.R.choice(COLORS)
    def role(self): return self.R.choice(ROLES) if self.R.random() < .6 else self.R.choice(JOBS)
    def dept(self): return self.R.choice(DEPTS)
    def material(self): return self.R.choice(MATERIALS)
    def animal(self): return self.R.choice(ANIMALS)
    def hours(self): return self.num(2, 60) + " hours"
    def days(self): return self.num(2, 90) + " days"
    def minutes(self): return self.num(3, 120) + " minutes"
    def months(self): return self.R.choice([self.num(2, 36) + " months", self.num(2, 10) + " years"])
    def kg(self): return self.R.choice([self.num(2, 90) + " kg", self.num(50, 990) + " grams", f"{self.R.randint(1, 9)}.{self.R.randint(1, 9)} kg"])
    def cm(self): return self.R.choice([self.num(5, 250) + " cm", self.num(2, 90) + " metres"])
    def people(self): return self.num(3, 900)
    def deg(self): return self.num(90, 240) + " degrees"
    def noun(self): return self.R.choice(NOUNS) if self.R.random() < .82 else syll(self.R)

    def pattern(self):
        R = self.R
        text, qs = R.choice(PATTERNS)
        slots = {"n": self.noun, "n2": self.noun, "a": lambda: R.choice(ADJ), "day": self.day, "time": self.time, "time2": self.time, "room": self.room, "P": self.person, "P2": self.person,
                 "B": self.brand, "year": self.year, "mat": self.material, "num": self.num, "job": lambda: R.choice(JOBS), "money": self.money, "c": self.color, "thing": lambda: R.choice(THINGS),
                 "days": self.days, "hours": self.hours, "kg": self.kg, "cm": self.cm, "city": self.city, "date": self.date, "code": self.code, "email": self.email, "food": self.food, "food2": self.food}
        got = {}

        def fill(x): return re.sub(r"\{(\w+)\}", lambda m: got.setdefault(m[1], slots[m[1]]()), x)
        text = fill(text)
        return text[0].upper() + text[1:], fill(R.choice(qs)), list(got.values())

    def sentence(self, full=False, plain=False):
        """a filler sentence (text, subject, object); full=True adds questions it answers"""
        R = self.R
        if not plain and R.random() < .45:
            text, q, vals = self.pattern()
            return (text, vals[0], vals[-1], q) if full else (text, vals[0], vals[-1])

        def np():
            return R.choice(["The ", "The ", "The ", "Our ", "This ", "Each "]) + (R.choice(ADJ) + " " if R.random() < .6 else "") + self.noun()
        s, o = np(), np()
        o = o[0].lower() + o[1:]
        r = R.random()
        if r < .25: s = self.fullname() if R.random() < .4 else made(R)
        elif r < .4: o = made(R)
        v = R.choice(VERBS3)
        adv = R.choice(ADV) if R.random() < .65 else ""
        lead = adv and R.random() < .2
        low = s if s[0] + s[1:].lower() != s.capitalize() or r < .25 else s[0].lower() + s[1:]
        out = (adv[0].upper() + adv[1:] + " " + (low if r < .25 else s[0].lower() + s[1:]) + f" {v} {o}." if lead else f"{s} {v} {o}" + (" " + adv if adv else "") + ".")
        if not full: return out, s, o
        b = BASE.get(v, v[:-1])
        sl = s if r < .25 else s[0].lower() + s[1:]
        qs = [f"What does {sl} {b}?", f"Who {v} {o}?", f"What {v} {o}?", f"Does {sl} {b} {o}?"]
        if adv: qs += [f"When does {sl} {b} {o}?", f"Where does {sl} {b} {o}?", f"How does {sl} {b} {o}?"]
        return out, s, o, R.choice(qs)
