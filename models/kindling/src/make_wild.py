# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hand-written prompts (wording not taken from the generator) -> eval_wild.json"""
import json
U = lambda c: {"role": "user", "content": c}
A = lambda c: {"role": "assistant", "content": c}
S = lambda c: {"role": "system", "content": c}
W = []


def add(kind, msgs, match="", no="", tools=None, call=False):
    W.append({"kind": kind, "messages": msgs if isinstance(msgs, list) else [U(msgs)], "match": match, "not": no, "tools": tools, "call": call})


# passages with the number in every sentence (the format the README recommends), and plain ones
ctx2 = ("You are a helpful assistant. Use the sources to answer and cite them like [1].\n\n"
        "[1] Our opening hours are 9:00 to 17:00 on weekdays [1]. The shop is closed on Sundays [1].\n\n"
        "[2] Returns are accepted within 30 days if the receipt is included [2]. Maria Lopez handles complaints [2].\n\n"
        "[3] The Falcon drone can fly for 25 minutes and weighs 900 grams [3]. Its camera was designed by Kenji Mori [3].")
for q, m in [("How long can the Falcon drone fly?", r"25 minutes.*\[3\]"), ("Who handles complaints?", r"Maria Lopez.*\[2\]"), ("Who designed the camera?", r"Kenji Mori.*\[3\]"),
             ("When is the shop closed?", r"Sunday.*\[1\]"), ("How much does the drone weigh?", r"900 grams.*\[3\]"), ("Within how many days can I return something?", r"30.*\[2\]")]:
    add("rag_marked", [S(ctx2), U(q)], m)
ctx = ("You are a helpful assistant. Use the sources to answer and cite them like [1].\n\n"
       "[1] Our opening hours are 9:00 to 17:00 on weekdays. The shop is closed on Sundays.\n\n"
       "[2] Returns are accepted within 30 days if the receipt is included. Maria Lopez handles complaints.\n\n"
       "[3] The Falcon drone can fly for 25 minutes and weighs 900 grams. Its camera was designed by Kenji Mori.")
add("rag", [S(ctx), U("How long can the Falcon drone fly?")], r"25 minutes.*\[3\]")
add("rag", [S(ctx), U("Who handles complaints?")], r"Maria Lopez.*\[2\]")
add("rag", [S(ctx), U("Who designed the camera?")], r"Kenji Mori.*\[3\]")
add("rag", [S(ctx), U("When is the shop closed?")], r"Sunday.*\[1\]")
add("rag", [S(ctx), U("How much does the drone weigh?")], r"900 grams.*\[3\]")
add("rag", [S(ctx), U("Within how many days can I return something?")], r"30.*\[2\]")
add("rag_refusal", [S(ctx), U("What is the price of the Falcon drone?")], r"\bnot\b", r"\[\d\]")
add("rag_refusal", [S(ctx), U("Who founded the shop?")], r"\bnot\b", r"\[\d\]")
note = "Context:\n[1] Team lunch is on 14 May at the Blue Door restaurant. Erin books the table.\n[2] The new laptop policy starts in June. Each employee gets 1200 euros.\n\nQuestion: "
add("rag", note + "Who books the table?", r"Erin.*\[1\]")
add("rag", note + "How much does each employee get?", r"1200 euros.*\[2\]")
add("rag", note + "Where is the team lunch?", r"Blue Door.*\[1\]")
add("rag_refusal", note + "What is the phone number of Erin?", r"\bnot\b", r"\[\d\]")


def fn(name, desc, req=None, **props):
    return {"type": "function", "function": {"name": name, "description": desc, "parameters": {"type": "object", "properties": props, "required": req or list(props)}}}


s, n = {"type": "string"}, {"type": "integer"}
T = [fn("get_weather", "Returns the forecast for a location", location={"type": "string", "description": "City name"}),
     fn("search_library", "Full text search over the user's documents", query={"type": "string", "description": "Search terms"}),
     fn("set_alarm", "Sets an alarm clock", hour=n, minute=n)]
add("tool", "What will the weather be in Lisbon?", r'"get_weather".*Lisbon', tools=T, call=True)
add("tool", "Is it going to rain in Oslo tomorrow?", r'"get_weather".*Oslo', tools=T, call=True)
add("tool", "Please look in my library for the rental agreement", r'"search_library".*rental agreement', tools=T, call=True)
add("tool", "Search for quarterly revenue", r'"search_library".*quarterly revenue', tools=T, call=True)
add("tool", "Set an alarm for 7 30", r'"set_alarm".*7.*30', tools=T, call=True)
add("tool", "What is 348 * 27?", r'348 ?\* ?27', tools=[fn("calculator", "Evaluates a math expression", expression=s)], call=True)
add("tool", "Add a task: water the plants", r'water the plants', tools=[fn("add_task", "Adds a task to the task list", title=s)], call=True)
add("tool", "Play some jazz", r'jazz', tools=[fn("play_music", "Plays music of a genre", genre=s)], call=True)
add("tool_none", "Good morning! How are you?", tools=T)
add("tool_none", "Thank you, that is all", tools=T)
add("tool_none", "Tell me who you are", "Kindling", tools=T)
add("json", "Extract name and city as JSON: My name is Laura Stein and I live in Hamburg.", r'"name": "Laura Stein".*"city": "Hamburg"')
add("json", "Return a JSON object with product and price.\n\nThe new Orbit kettle costs 49 euros.", r'"product": ".*Orbit.*"price": .*49')
add("json", "Give me JSON with the keys person, date and place: Kim met us on 3 March in Vienna.", r'"person": "Kim".*"date": "3 March".*"place": "Vienna"')
add("json", "Pull the email and phone out of this text as JSON: You can write to info@acme.org or call 555-0199.", r'info@acme\.org.*555-0199')
add("ood", "Which planet is closest to the sun?", r"(larger|bigger) model")
add("ood", "Write code for a web server in C", r"(larger|bigger) model")
add("ood", "Can you write an essay about the industrial revolution for my history class?", r"(larger|bigger) model")
add("ood", "Translate 'the cat sleeps' into Finnish please", r"(larger|bigger) model")
add("ood", "My knee hurts when I run, what could it be?", r"(larger|bigger) model")
add("ood", "How many moons does Jupiter have?", r"(larger|bigger) model")
add("ood", "Integrate x squared from zero to three", r"(larger|bigger) model")
add("ood", "blorp zint qua", r"larger model|understand|not sure")
add("memory", [U("hey, Priyanka here"), A("Hello Priyanka! How can I help?"), U("What was my name again?")], "Priyanka")
add("memory", [U("Hi, I'm Tobias and I live in Graz"), A("Nice to meet you, Tobias!"), U("Where do I live?")], "Graz")
add("memory", [U("My dog is called Biscuit"), A("Biscuit is a lovely name for a pet!"), U("Can you tell me the name of my dog?")], "Biscuit")
add("guide", "Where can I download better models?", r"Models page")
add("guide", "does any of my data leave this machine", r"stays on your computer|local-first")
add("guide", "I would like to chat with a PDF of mine", r"Documents app")
add("guide", "How can my Python script talk to this?", r"localhost")
add("guide", "How would I go about writing a plugin?", r"load, implement and dispose")
add("guide", "can I switch to dark colours", r"theme")
add("identity", "so what exactly are you", "Kindling")
add("identity", "which company made you", r"Hearth|trained")
add("identity", "Hi Kindling!", r"help|do for you")
json.dump(W, open("eval_wild.json", "w"), indent=1)
print(len(W))
