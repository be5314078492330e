# SPDX-License-Identifier: AGPL-3.0-or-later
"""Invented entities: attribute tables used by the retrieval, extraction and summary generators.

kind -> (name maker, intro sentences, {attribute: (value maker, label, statements, questions)})
{e} is the entity, {v} the value.  (a|b) is a random choice.
"""
KINDS = {
    "person": ("fullname", ["{e} joined the team in {x}.", "{e} is a well known colleague.", "This note is about {e}."], {
        "role": ("role", "role", ["{e} works as a {v}.", "{e} is our {v}.", "{e} has the role of {v}."], ["What is {e}'s (role|job)?", "What does {e} do(| for a living)?", "What is the role of {e}?"]),
        "city": ("city", "city", ["{e} lives in {v}.", "{e} is based in {v}.", "{e} moved to {v} last year."], ["Where does {e} live?", "In which city does {e} live?", "Where is {e} based?"]),
        "email": ("email", "email address", ["{e} can be reached at {v}.", "The email address of {e} is {v}.", "Write to {e} at {v}."], ["What is {e}'s email(| address)?", "How can I (reach|contact) {e} by email?"]),
        "phone": ("phone", "phone number", ["The phone number of {e} is {v}.", "{e} can be called at {v}.", "Call {e} at {v}."], ["What is {e}'s phone number?", "Which number do I call to reach {e}?"]),
        "hobby": ("hobby", "hobby", ["{e} enjoys {v}.", "The hobby of {e} is {v}.", "In the evenings {e} likes {v}."], ["What is {e}'s hobby?", "What does {e} like to do in free time?"]),
        "department": ("dept", "department", ["{e} works in the {v} department.", "{e} belongs to the {v} team."], ["Which (department|team) does {e} work in?", "What department is {e} in?"]),
        "manager": ("fullname", "manager", ["{e} reports to {v}.", "The manager of {e} is {v}."], ["Who is {e}'s (manager|boss)?", "Who does {e} report to?"]),
        "birthday": ("date", "birthday", ["{e} was born on {v}.", "The birthday of {e} is {v}."], ["When is {e}'s birthday?", "When was {e} born?"]),
    }),
    "product": ("prod", ["The {e} is a new {t}.", "The {e} is a {c} {t}.", "{e} is our best selling {t}."], {
        "price": ("money", "price", ["The {e} costs {v}.", "The price of the {e} is {v}.", "It is sold for {v}."], ["How much (does the {e} cost|is the {e})?", "What is the price of the {e}?", "What does the {e} cost?"]),
        "weight": ("kg", "weight", ["The {e} weighs {v}.", "It weighs {v}."], ["How heavy is the {e}?", "What does the {e} weigh?", "What is the weight of the {e}?"]),
        "color": ("color", "colour", ["The {e} comes in {v}.", "It is available in {v}.", "The colour of the {e} is {v}."], ["What colo(u|)r is the {e}?", "In which colour is the {e} available?"]),
        "battery_life": ("hours", "battery life", ["The battery of the {e} lasts {v}.", "It runs for {v} on one charge."], ["How long does the battery of the {e} last?", "What is the battery life of the {e}?"]),
        "warranty": ("months", "warranty", ["The {e} has a warranty of {v}.", "The warranty of the {e} is {v}.", "It comes with a warranty of {v}."], ["How long is the warranty (of|on|for) the {e}?", "What warranty does the {e} have?"]),
        "material": ("material", "material", ["The {e} is made of {v}.", "It is made from {v}."], ["What is the {e} made (of|from)?", "Which material is used for the {e}?"]),
        "maker": ("brand", "maker", ["The {e} is made by {v}.", "It is built by {v}.", "{v} builds the {e}."], ["Who (makes|builds|produces) the {e}?", "Which company makes the {e}?"]),
        "release": ("date", "release date", ["The {e} was released on {v}.", "It goes on sale on {v}."], ["When (was|is) the {e} released?", "What is the release date of the {e}?"]),
    }),
    "meeting": ("meet", ["The {e} meeting took place as planned.", "Notes from the {e} meeting follow.", "The team held the {e} meeting."], {
        "date": ("date", "date", ["The {e} meeting is on {v}.", "The {e} meeting was held on {v}."], ["When (is|was) the {e} meeting?", "On which date is the {e} meeting?"]),
        "time": ("time", "start time", ["The {e} meeting starts at {v}.", "It begins at {v}."], ["What time does the {e} meeting (start|begin)?", "At what time is the {e} meeting?"]),
        "room": ("room", "room", ["The {e} meeting takes place in {v}.", "It is held in {v}."], ["Where (is|does) the {e} meeting (held|take place)?", "In which room is the {e} meeting?"]),
        "organizer": ("fullname", "organizer", ["The {e} meeting was organized by {v}.", "{v} organizes the {e} meeting."], ["Who organi(z|s)es the {e} meeting?", "Who organized the {e} meeting?"]),
        "decision": ("topic", "decision", ["The {e} meeting decided to approve {v}.", "They agreed to change {v}."], ["What did the {e} meeting decide?", "What was decided in the {e} meeting?"]),
        "notes_by": ("fullname", "note taker", ["Notes of the {e} meeting were taken by {v}.", "{v} wrote the minutes of the {e} meeting."], ["Who took (the |)notes (in|of|at) the {e} meeting?", "Who wrote the minutes of the {e} meeting?"]),
    }),
    "policy": ("polname", ["The {e} policy applies to all staff.", "This is the {e} policy.", "The {e} policy was updated recently."], {
        "limit": ("money", "limit", ["The {e} policy allows up to {v}.", "The limit of the {e} policy is {v}."], ["What is the limit (of|in|under) the {e} policy?", "How much does the {e} policy allow?"]),
        "notice": ("days", "notice period", ["The {e} policy requires notice of {v}.", "Requests under the {e} policy must be sent {v} before."], ["How much notice does the {e} policy require?", "What is the notice period (of|in) the {e} policy?"]),
        "approver": ("fullname", "approver", ["The {e} policy must be approved by {v}.", "{v} approves requests under the {e} policy."], ["Who approves (requests under |)the {e} policy?", "Who is the approver (of|for) the {e} policy?"]),
        "contact": ("email", "contact", ["Questions about the {e} policy go to {v}.", "The contact for the {e} policy is {v}."], ["Who (is the contact for|do I contact about) the {e} policy?", "Where do I send questions about the {e} policy?"]),
        "effective": ("date", "start date", ["The {e} policy is effective from {v}.", "The {e} policy starts on {v}."], ["When does the {e} policy (start|take effect)?", "From when is the {e} policy effective?"]),
    }),
    "project": ("prod", ["{e} is an internal project.", "Project {e} is going well.", "Project {e} started in {x}."], {
        "lead": ("fullname", "lead", ["Project {e} is led by {v}.", "{v} leads project {e}.", "The lead of project {e} is {v}."], ["Who (leads|is the lead of|runs) project {e}?", "Who is leading project {e}?"]),
        "budget": ("money", "budget", ["The budget of project {e} is {v}.", "Project {e} has a budget of {v}."], ["What is the budget (of|for) project {e}?", "How (big|large) is the budget of project {e}?"]),
        "deadline": ("date", "deadline", ["The deadline of project {e} is {v}.", "Project {e} must be finished by {v}."], ["What is the deadline (of|for) project {e}?", "When must project {e} be (finished|done)?"]),
        "client": ("brand", "client", ["The client of project {e} is {v}.", "Project {e} is built for {v}."], ["Who is the client (of|for) project {e}?", "Which company is project {e} for?"]),
        "team_size": ("people", "team size", ["Project {e} has a team of {v} people.", "{v} people work on project {e}."], ["How many people work on project {e}?", "How (big|large) is the team of project {e}?"]),
    }),
    "company": ("brand", ["{e} is a company.", "{e} is a small family business.", "{e} is known all over the region."], {
        "founder": ("fullname", "founder", ["{e} was founded by {v}.", "{v} founded {e}.", "The founder of {e} is {v}."], ["Who (founded|started|created) {e}?", "Who is the founder of {e}?"]),
        "founded": ("year", "founding year", ["{e} was founded in {v}.", "{e} was started in {v}."], ["When was {e} (founded|started)?", "In what year was {e} founded?"]),
        "headquarters": ("city", "headquarters", ["{e} is headquartered in {v}.", "The main office of {e} is in {v}."], ["Where is {e} (headquartered|located)?", "Where is the main office of {e}?"]),
        "employees": ("people", "number of employees", ["{e} employs {v} people.", "{e} has {v} employees."], ["How many (employees does {e} have|people does {e} employ|people work at {e})?"]),
        "ceo": ("fullname", "chief executive", ["{e} is run by {v}.", "The chief executive of {e} is {v}.", "The CEO of {e} is {v}."], ["Who (runs|leads) {e}?", "Who is the (CEO|chief executive) of {e}?"]),
        "makes": ("thing", "main product", ["{e} makes {v}.", "{e} sells {v}.", "{e} is best known for {v}."], ["What does {e} (make|sell|produce)?", "What is {e} known for?"]),
        "revenue": ("money", "revenue", ["{e} had a revenue of {v}.", "The revenue of {e} was {v}."], ["What (is|was) the revenue of {e}?", "How much did {e} earn?"]),
    }),
    "town": ("city", ["{e} is a town near the coast.", "{e} is a quiet place in the hills.", "Many visitors come to {e} each year."], {
        "population": ("num", "population", ["{e} has {v} inhabitants.", "About {v} people live in {e}."], ["How many people live in {e}?", "What is the population of {e}?"]),
        "mayor": ("fullname", "mayor", ["The mayor of {e} is {v}.", "{v} is the mayor of {e}."], ["Who is the mayor of {e}?"]),
        "river": ("name", "river", ["{e} lies on the river {v}.", "The river {v} flows through {e}."], ["Which river (flows through|is in|runs through) {e}?", "What river does {e} lie on?"]),
        "known_for": ("thing", "speciality", ["{e} is famous for {v}.", "{e} is known for {v}."], ["What is {e} (known|famous) for?"]),
        "founded": ("year", "founding year", ["{e} was founded in {v}.", "The town of {e} dates from {v}."], ["When was {e} founded?", "How old is {e}?"]),
    }),
    "event": ("event", ["The {e} is open to everyone.", "The {e} returns this year.", "We look forward to the {e}."], {
        "date": ("date", "date", ["The {e} takes place on {v}.", "The {e} is on {v}."], ["When (is|does) the {e}( happen| take place|)?", "What is the date of the {e}?"]),
        "venue": ("room", "venue", ["The {e} is held in {v}.", "The venue of the {e} is {v}."], ["Where is the {e}( held|)?", "What is the venue of the {e}?"]),
        "ticket_price": ("money", "ticket price", ["Tickets for the {e} cost {v}.", "A ticket for the {e} is {v}."], ["How much (is a ticket|are tickets|do tickets cost) for the {e}?", "What is the ticket price (of|for) the {e}?"]),
        "speaker": ("fullname", "main speaker", ["The main speaker of the {e} is {v}.", "{v} will speak at the {e}."], ["Who (speaks|will speak|is speaking) at the {e}?", "Who is the (main |)speaker (of|at) the {e}?"]),
        "sponsor": ("brand", "sponsor", ["The {e} is sponsored by {v}.", "{v} sponsors the {e}."], ["Who sponsors the {e}?", "Which company sponsors the {e}?"]),
        "guests": ("people", "number of guests", ["The {e} expects {v} guests.", "{v} guests will come to the {e}."], ["How many (guests|people) (come to|are expected at) the {e}?"]),
    }),
    "invoice": ("code", ["Invoice {e} was sent by post.", "Invoice {e} is in the system.", "Details of invoice {e} follow."], {
        "total": ("money", "total", ["The total of invoice {e} is {v}.", "Invoice {e} amounts to {v}."], ["What is the total of invoice {e}?", "How much is invoice {e}?"]),
        "customer": ("brand", "customer", ["Invoice {e} was issued to {v}.", "The customer on invoice {e} is {v}."], ["Who is the customer (of|on) invoice {e}?", "Who was invoice {e} issued to?"]),
        "due_date": ("date", "due date", ["Invoice {e} is due on {v}.", "Invoice {e} must be paid by {v}."], ["When is invoice {e} due?", "What is the due date of invoice {e}?"]),
        "status": ("status", "status", ["Invoice {e} is {v}.", "The status of invoice {e} is {v}."], ["What is the status of invoice {e}?"]),
    }),
    "recipe": ("dish", ["{e} is a simple dish.", "{e} is a popular meal.", "This recipe is for {e}."], {
        "time": ("minutes", "cooking time", ["{e} takes {v} to cook.", "Cook the {e} for {v}."], ["How long does (the |){e} (take|cook)?", "What is the cooking time (of|for) {e}?"]),
        "ingredient": ("food", "main ingredient", ["The main ingredient of {e} is {v}.", "{e} is made with {v}."], ["What is the main ingredient (of|in) {e}?", "What is {e} made (with|of)?"]),
        "servings": ("small", "servings", ["{e} serves {v} people.", "The recipe for {e} is enough for {v} people."], ["How many (people|servings) (does|is) {e} (serve|for)?"]),
        "temperature": ("deg", "oven temperature", ["Bake the {e} at {v}.", "{e} is baked at {v}."], ["(At what|What) temperature (is|do I bake) (the |){e}( baked|)?", "How hot should the oven be for {e}?"]),
        "cook": ("fullname", "cook", ["{e} was first cooked by {v}.", "The recipe for {e} comes from {v}."], ["Who (invented|first cooked) {e}?", "Who does the recipe for {e} come from?"]),
    }),
    "server": ("host", ["The server {e} is in production.", "Server {e} was installed in {x}."], {
        "owner": ("fullname", "owner", ["The owner of server {e} is {v}.", "{v} is responsible for server {e}."], ["Who (owns|is responsible for) server {e}?", "Who is the owner of server {e}?"]),
        "location": ("room", "location", ["Server {e} stands in {v}.", "Server {e} is located in {v}."], ["Where (is|does) server {e}( located| stand|)?", "What is the location of server {e}?"]),
        "port": ("port", "port", ["Server {e} listens on port {v}.", "The port of server {e} is {v}."], ["(Which|What) port does server {e} (use|listen on)?"]),
        "memory": ("gb", "memory", ["Server {e} has {v} of memory.", "The memory of server {e} is {v}."], ["How much memory does server {e} have?"]),
        "backup": ("time", "backup time", ["Server {e} is backed up at {v}.", "The backup of server {e} runs at {v}."], ["When is server {e} backed up?", "When does the backup of server {e} run?"]),
    }),
    "book": ("title", ["\"{e}\" is a book.", "The book \"{e}\" is in our library."], {
        "author": ("fullname", "author", ["\"{e}\" was written by {v}.", "The author of \"{e}\" is {v}.", "{v} wrote \"{e}\"."], ["Who wrote \"{e}\"?", "Who is the author of (the book |)\"{e}\"?"]),
        "pages": ("num", "number of pages", ["\"{e}\" has {v} pages.", "The book \"{e}\" is {v} pages long."], ["How many pages does \"{e}\" have?", "How long is \"{e}\"?"]),
        "year": ("year", "year", ["\"{e}\" was published in {v}.", "\"{e}\" came out in {v}."], ["When was \"{e}\" published?", "In which year did \"{e}\" come out?"]),
        "publisher": ("brand", "publisher", ["\"{e}\" was published by {v}.", "The publisher of \"{e}\" is {v}."], ["Who published \"{e}\"?", "Who is the publisher of \"{e}\"?"]),
    }),
    "species": ("species", ["The {e} is a rare animal.", "The {e} was discovered in {x}."], {
        "habitat": ("habitat", "habitat", ["The {e} lives in {v}.", "The {e} is found in {v}."], ["Where does the {e} live?", "What is the habitat of the {e}?"]),
        "length": ("cm", "length", ["The {e} is {v} long.", "The {e} grows to a length of {v}."], ["How long is the {e}?", "What is the length of the {e}?"]),
        "diet": ("food", "diet", ["The {e} eats {v}.", "The {e} feeds on {v}."], ["What does the {e} eat?", "What is the diet of the {e}?"]),
        "lifespan": ("months", "lifespan", ["The {e} lives for {v}.", "The lifespan of the {e} is {v}."], ["How long does the {e} live?", "What is the lifespan of the {e}?"]),
    }),
    "course": ("course", ["The {e} course is for beginners.", "The {e} course is new this year."], {
        "teacher": ("fullname", "teacher", ["The {e} course is taught by {v}.", "{v} teaches the {e} course."], ["Who teaches the {e} course?", "Who is the teacher of the {e} course?"]),
        "room": ("room", "room", ["The {e} course is in {v}.", "The {e} course meets in {v}."], ["Where is the {e} course?", "In which room is the {e} course?"]),
        "fee": ("money", "fee", ["The {e} course costs {v}.", "The fee for the {e} course is {v}."], ["How much (does the {e} course cost|is the {e} course)?", "What is the fee for the {e} course?"]),
        "start": ("date", "start date", ["The {e} course starts on {v}.", "The {e} course begins on {v}."], ["When does the {e} course (start|begin)?"]),
        "day": ("day", "weekday", ["The {e} course meets every {v}.", "The {e} course takes place on {v}."], ["On which day is the {e} course?", "Which day does the {e} course meet?"]),
    }),
}
