/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The only C++ of Hearth, because libllama-common has no C face (chat_c.h is ours, chat.h llama.cpp's). It turns
 * JSON into common_chat_* calls and their results into views, and it catches everything: an exception that crossed
 * into C would end the process. GGML_ASSERT cannot be caught; inputs that would reach one are refused first. */
#include "chat_c.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <chat.h>
#include <common.h>
#include <json-schema-to-grammar.h>
#include <json.h>
#include <llama.h>

struct chat {
    common_chat_templates_ptr  templates;
    const struct llama_vocab  *vocab;
    bool                       has_template;
    bool                       has_parallel_calls;
};

struct chat_plan {
    common_chat_params          params;
    common_chat_parser_params   reader;
    common_chat_msg             read; /* what was read so far */
    std::vector<std::string>    call_ids;
    std::vector<common_chat_msg_diff> diffs; /* the last reading's, which `deltas` views */
    std::vector<chat_delta>     deltas;
    std::vector<const char *>   stops;
    std::vector<llama_token>    kept;
    chat_view                   view;
};

namespace {

void say(char *to, size_t size, const char *what)
{
    if (to && size > 0)
        std::snprintf(to, size, "%s", what);
}

/* Runs `f`; whatever it throws becomes text and `otherwise`. */
template <class R, class F> R guarded(char *error, size_t size, R otherwise, F f) noexcept
{
    try {
        return f();
    } catch (const std::bad_alloc &) {
        say(error, size, "out of memory");
    } catch (const std::exception &e) {
        say(error, size, e.what());
    } catch (...) {
        say(error, size, "an unknown C++ exception");
    }
    return otherwise;
}

/* OpenAI's tool_choice: "none", "auto", "required", or an object that names one function: then only that tool is
 * offered, and required. */
void set_tool_choice(common_chat_templates_inputs &in, const common_json &choice)
{
    if (choice.is_string()) {
        in.tool_choice = common_chat_tool_choice_parse_oaicompat(choice.get<std::string>());
        return;
    }
    if (!choice.is_object() || !choice.contains("function"))
        throw std::invalid_argument("tool_choice is neither none, auto, required nor a function of tools");
    std::string name = choice.at("function").at("name").get<std::string>();
    auto        gone = std::remove_if(in.tools.begin(), in.tools.end(),
                                      [&](const common_chat_tool &tool) { return tool.name != name; });
    in.tools.erase(gone, in.tools.end());
    if (in.tools.empty())
        throw std::invalid_argument("tool_choice names a function that is not in tools: " + name);
    in.tool_choice = COMMON_CHAT_TOOL_CHOICE_REQUIRED;
}

common_chat_templates_inputs inputs_of(const chat &c, const std::string &request)
{
    common_json                  body = common_json::parse(request);
    common_chat_templates_inputs in;
    in.messages = common_chat_msgs_parse_oaicompat(body.at("messages"));
    in.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
    in.parallel_tool_calls = c.has_parallel_calls;
    if (body.contains("tools"))
        in.tools = common_chat_tools_parse_oaicompat(body.at("tools"));
    if (body.contains("tool_choice"))
        set_tool_choice(in, body.at("tool_choice"));
    if (body.contains("json_schema"))
        in.json_schema = body.at("json_schema").dump();
    if (body.contains("chat_template_kwargs")) {
        for (const auto &item : body.at("chat_template_kwargs").items()) {
            in.chat_template_kwargs[item.key()] = item.value().dump();
            if (item.key() == "enable_thinking" && item.value().is_boolean())
                in.enable_thinking = item.value().get<bool>();
        }
    }
    return in;
}

/* Tokens of control type that the reader must see, as llama-server keeps them. */
void keep_tokens(chat_plan &plan, const llama_vocab *vocab)
{
    for (const std::string &text : plan.params.preserved_tokens) {
        std::vector<llama_token> tokens = common_tokenize(vocab, text, false, true);
        if (tokens.size() == 1)
            plan.kept.push_back(tokens[0]);
    }
}

std::string anchored(const std::string &pattern)
{
    if (pattern.empty())
        return "^$";
    return (pattern.front() != '^' ? "^" : "") + pattern + (pattern.back() != '$' ? "$" : "");
}

/* A lazy grammar sleeps until one of its triggers was written. */
llama_sampler *lazy_grammar(const chat_plan &plan, const llama_vocab *vocab)
{
    std::vector<std::string> patterns;
    std::vector<llama_token> tokens;
    for (const common_grammar_trigger &trigger : plan.params.grammar_triggers) {
        if (trigger.type == COMMON_GRAMMAR_TRIGGER_TYPE_WORD) {
            std::vector<llama_token> word = common_tokenize(vocab, trigger.value, false, true);
            if (word.size() == 1 && std::find(plan.kept.begin(), plan.kept.end(), word[0]) != plan.kept.end())
                tokens.push_back(word[0]);
            else
                patterns.push_back(regex_escape(trigger.value));
        } else if (trigger.type == COMMON_GRAMMAR_TRIGGER_TYPE_TOKEN) {
            tokens.push_back(trigger.token);
        } else {
            bool is_full = trigger.type == COMMON_GRAMMAR_TRIGGER_TYPE_PATTERN_FULL;
            patterns.push_back(is_full ? anchored(trigger.value) : trigger.value);
        }
    }
    if (patterns.empty() && tokens.empty())
        return nullptr;
    std::vector<const char *> views;
    for (const std::string &pattern : patterns)
        views.push_back(pattern.c_str());
    return llama_sampler_init_grammar_lazy_patterns(vocab, plan.params.grammar.c_str(), "root", views.data(),
                                                    views.size(), tokens.data(), tokens.size());
}

/* A grammar that starts at once describes the whole answer, which begins inside the prompt: what the template
 * wrote of it is fed first. */
void feed_generation_prompt(llama_sampler *grammar, const chat_plan &plan, const llama_vocab *vocab)
{
    const std::string &text = plan.params.generation_prompt;
    if (text.empty())
        return;
    std::vector<llama_token> tokens = common_tokenize(vocab, text, false, true);
    for (size_t i = 0; i < tokens.size(); i++) {
        std::string piece = common_token_to_piece(vocab, tokens[i], true);
        bool        is_added_space = i == 0 && !piece.empty() && std::isspace((unsigned char) piece[0]) &&
                              !std::isspace((unsigned char) text[0]);
        if (!is_added_space)
            llama_sampler_accept(grammar, tokens[i]);
    }
}

std::string new_call_id()
{
    static const char         letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    thread_local std::mt19937 random{ std::random_device{}() };
    std::uniform_int_distribution<size_t> pick(0, sizeof letters - 2);
    std::string id = "call_";
    for (int i = 0; i < 24; i++)
        id += letters[pick(random)];
    return id;
}

chat_delta delta_of(const common_chat_msg_diff &diff)
{
    chat_delta d{};
    const std::string *text = &diff.content_delta;
    d.kind = CHAT_DELTA_TEXT;
    if (diff.tool_call_index != std::string::npos) {
        d.kind = CHAT_DELTA_TOOL_CALL;
        d.index = diff.tool_call_index;
        d.id = diff.tool_call_delta.id.empty() ? nullptr : diff.tool_call_delta.id.c_str();
        d.name = diff.tool_call_delta.name.empty() ? nullptr : diff.tool_call_delta.name.c_str();
        text = &diff.tool_call_delta.arguments;
    } else if (!diff.reasoning_content_delta.empty()) {
        d.kind = CHAT_DELTA_REASONING;
        text = &diff.reasoning_content_delta;
    }
    d.text = text->data();
    d.text_n = text->size();
    return d;
}

} // namespace

/* -- templates --------------------------------------------------------------------------------------------------- */

extern "C" chat *chat_new(const llama_model *model, char *error, size_t error_size)
{
    return guarded(error, error_size, (chat *) nullptr, [&]() -> chat * {
        if (!model)
            throw std::invalid_argument("no model");
        chat c{ common_chat_templates_init(model, ""), llama_model_get_vocab(model), false, false };
        c.has_template = common_chat_templates_was_explicit(c.templates.get());
        c.has_parallel_calls = common_chat_templates_get_caps(c.templates.get())["supports_parallel_tool_calls"];
        return new chat(std::move(c));
    });
}

extern "C" void chat_free(chat *c)
{
    delete c;
}

extern "C" bool chat_has_template(const chat *c)
{
    return c->has_template;
}

extern "C" chat_plan *chat_apply(const chat *c, const char *request, size_t n, char *error, size_t error_size)
{
    return guarded(error, error_size, (chat_plan *) nullptr, [&]() -> chat_plan * {
        common_chat_templates_inputs in = inputs_of(*c, std::string(request, n));
        std::unique_ptr<chat_plan>   plan(new chat_plan{});
        plan->params = common_chat_templates_apply(c->templates.get(), in);
        plan->reader = common_chat_parser_params(plan->params);
        plan->reader.reasoning_format = in.reasoning_format;
        plan->reader.parse_tool_calls = !in.tools.empty() && in.tool_choice != COMMON_CHAT_TOOL_CHOICE_NONE;
        if (!plan->params.parser.empty())
            plan->reader.parser.load(plan->params.parser);
        keep_tokens(*plan, c->vocab);
        for (const std::string &stop : plan->params.additional_stops)
            plan->stops.push_back(stop.c_str());
        bool is_plain = !plan->reader.parse_tool_calls && !plan->params.supports_thinking;
        plan->view = { plan->params.prompt.data(), plan->params.prompt.size(), is_plain, plan->stops.data(),
                       plan->stops.size() };
        return plan.release();
    });
}

extern "C" void chat_plan_free(chat_plan *plan)
{
    delete plan;
}

extern "C" const chat_view *chat_plan_view(const chat_plan *plan)
{
    return &plan->view;
}

extern "C" bool chat_plan_keeps(const chat_plan *plan, int32_t token)
{
    return std::find(plan->kept.begin(), plan->kept.end(), token) != plan->kept.end();
}

extern "C" bool chat_plan_grammar(const chat_plan *plan, const llama_vocab *vocab, llama_sampler **out, char *error,
                                  size_t error_size)
{
    *out = nullptr;
    llama_sampler *grammar = nullptr;
    bool is_made = guarded(error, error_size, false, [&]() -> bool {
        if (plan->params.grammar.empty())
            return true;
        grammar = plan->params.grammar_lazy ? lazy_grammar(*plan, vocab)
                                            : llama_sampler_init_grammar(vocab, plan->params.grammar.c_str(), "root");
        if (!grammar)
            throw std::runtime_error("the grammar made from tools or schema is not valid");
        if (!plan->params.grammar_lazy)
            feed_generation_prompt(grammar, *plan, vocab);
        return true;
    });
    if (is_made)
        *out = grammar;
    else
        llama_sampler_free(grammar);
    return is_made;
}

/* -- reading ----------------------------------------------------------------------------------------------------- */

extern "C" int chat_plan_read(chat_plan *plan, const char *text, size_t n, bool is_whole, const chat_delta **deltas)
{
    return guarded(nullptr, 0, -1, [&]() -> int {
        common_chat_msg now = common_chat_parse(std::string(text, n), !is_whole, plan->reader);
        now.set_tool_call_ids(plan->call_ids, new_call_id);
        plan->diffs = common_chat_msg_diff::compute_diffs(plan->read, now);
        plan->read = std::move(now);
        plan->deltas.clear();
        for (const common_chat_msg_diff &diff : plan->diffs)
            plan->deltas.push_back(delta_of(diff));
        *deltas = plan->deltas.data();
        return (int) plan->deltas.size();
    });
}

extern "C" const char *chat_plan_text(const chat_plan *plan, size_t *n)
{
    *n = plan->read.content.size();
    return plan->read.content.data();
}

extern "C" const char *chat_plan_reasoning(const chat_plan *plan, size_t *n)
{
    *n = plan->read.reasoning_content.size();
    return plan->read.reasoning_content.data();
}

extern "C" size_t chat_plan_call_count(const chat_plan *plan)
{
    return plan->read.tool_calls.size();
}

extern "C" chat_call chat_plan_call(const chat_plan *plan, size_t i)
{
    const common_chat_tool_call &call = plan->read.tool_calls[i];
    return { call.id.c_str(), call.name.c_str(), call.arguments.c_str() };
}

/* -- grammars ---------------------------------------------------------------------------------------------------- */

extern "C" llama_sampler *grammar_new(const llama_vocab *vocab, const char *gbnf)
{
    return guarded(nullptr, 0, (llama_sampler *) nullptr, [&]() -> llama_sampler * {
        /* llama.cpp ends the process over this prefix when it was built without that library */
        if (std::strncmp(gbnf, "%llguidance", 11) == 0)
            return nullptr;
        return llama_sampler_init_grammar(vocab, gbnf, "root");
    });
}

extern "C" llama_sampler *grammar_new_from_schema(const llama_vocab *vocab, const char *schema, char *error,
                                                  size_t error_size)
{
    return guarded(error, error_size, (llama_sampler *) nullptr, [&]() -> llama_sampler * {
        std::string    gbnf = json_schema_to_grammar(common_json::parse(schema));
        llama_sampler *grammar = llama_sampler_init_grammar(vocab, gbnf.c_str(), "root");
        if (!grammar)
            throw std::runtime_error("the schema gives a grammar that llama.cpp refuses");
        return grammar;
    });
}

extern "C" bool grammar_filter(llama_sampler *grammar, llama_token_data_array *candidates)
{
    return guarded(nullptr, 0, false, [&]() -> bool {
        llama_sampler_apply(grammar, candidates);
        return true;
    });
}

extern "C" bool grammar_accept(llama_sampler *grammar, int32_t token)
{
    return guarded(nullptr, 0, false, [&]() -> bool {
        llama_sampler_accept(grammar, token);
        return true;
    });
}

extern "C" int32_t physical_cores(void)
{
    int32_t n = guarded(nullptr, 0, (int32_t) 1, [] { return common_cpu_get_num_physical_cores(); });
    return n < 1 ? 1 : n;
}
