// SPDX-License-Identifier: AGPL-3.0-or-later
// What the mock says. Development only; see ../mock.mjs.

const sampleAnswer = `Tides are the sea's answer to **two pulls at once**: the Moon's and, about half as strong, the Sun's. The side of the Earth that faces the Moon is pulled a little more than its centre, the far side a little less, so water gathers on *both*.

## Why twice a day

1. The Earth turns under those two bulges once a day.
2. Each coast passes through both, about 12 h 25 min apart.
3. The shape of the coast does the rest:
   - a funnel such as the Bay of Fundy piles it up to 16 m,
   - an almost closed sea such as the Baltic has nearly none.

| Moon | Pulls | Tide |
|:-----|:------|-----:|
| New, full | in one line | spring, large |
| First, last quarter | at right angles | neap, small |

In code, the height over time is close to a sum of cosines:

\`\`\`python
import math

def height(hours: float, parts: list[tuple[float, float, float]]) -> float:
    """Sum of (amplitude m, period h, phase h)."""
    return sum(a * math.cos(2 * math.pi * (hours - p) / t) for a, t, p in parts)

print(height(3.1, [(1.2, 12.42, 0.0), (0.5, 12.0, 1.5)]))  # the Moon's part and the Sun's
\`\`\`

> Rule of thumb: in the middle two of the six hours, half of the water moves.

See [tide tables](https://example.org/tides) for your coast. \`M2\` is the name of the Moon's part &mdash; the largest one almost everywhere.`;

const longAnswer = Array.from({ length: 14 }, (_, i) => `### Part ${i + 1}\n\nA paragraph about part ${i + 1}, long enough to take more than one line of the measure, so that scrolling, sticking to the end and letting go of it can be tried.\n\n- first point of part ${i + 1}\n- second point`).join('\n\n');

const pieces = (text) => text.match(/\s*\S{1,6}|\s+$/g) ?? [];

export function answerTo(prompt) {
  const script = { promptSteps: 3, reasoning: [], pieces: pieces(sampleAnswer), delay_ms: 12, failAt: -1 };
  if (/\blong\b/i.test(prompt)) script.pieces = pieces(longAnswer);
  if (/\bslow\b/i.test(prompt)) script.delay_ms = 60;
  if (/\bthink\b/i.test(prompt)) script.reasoning = pieces('The person asks about tides. First the two bulges, then why there are two a day, then the coast. A table would help.');
  if (/\bfail\b/i.test(prompt)) script.failAt = 40;
  if (/what can you do/i.test(prompt)) script.pieces = pieces('I am Kindling, a tiny model that comes with Hearth. I can chat a little, answer questions about Hearth and show that everything works. For more, add a bigger model on the **Models** page.');
  return script;
}

const day = 86_400_000;
const titles = [
  ['How tides work', 0.02], ['A letter to the landlord', 0.1], ['Regex for ISO dates', 0.2], ['Names for a sailing boat', 1.1], ['Explain mmap to a beginner', 1.3],
  ['Dinner with what is in the fridge', 3], ['Shell script to rename photos', 4], ['Is this contract clause usual?', 5], ['Vocabulary: Portuguese verbs', 6.5],
  ['Quarterly report, first draft', 12], ['Why does my fan spin at night', 16], ['Board game rules, simplified', 22], ['SQL: gaps and islands', 26],
]; // prettier-ignore

export function seed(world) {
  const now = Date.now();
  const older = Array.from({ length: 90 }, (_, i) => [`Older conversation ${i + 1}`, 35 + i * 4]);
  for (const [title, days] of [...titles, ...older]) {
    const at = now - days * day;
    const thread = world.addThread({ title, created_ms: at, updated_ms: at, model: 'qwen3-8b-q4_k_m', is_pinned: title.startsWith('Names') });
    world.addMessage(thread, { parts: [{ type: 'text', text: title === 'How tides work' ? 'How do tides work? I live on the coast and would like to guess the next high water.' : `${title}?` }], created_ms: at - 60_000 });
    const common = { role: 'assistant', model: 'qwen3-8b-q4_k_m', finish_reason: 'stop', created_ms: at, usage: { prompt_tokens: 412, completion_tokens: 366, cached_tokens: 380 }, timings: { prompt_ms: 240, predicted_ms: 9100, predicted_per_second: 40.2 } };
    const question = thread.head;
    if (title === 'How tides work') {
      world.addMessage(thread, { ...common, created_ms: at - 1000, parts: [{ type: 'text', text: 'The Moon pulls on the sea.' }] });
      world.addMessage(thread, { ...common, parent: question, parts: [{ type: 'reasoning', text: 'Two bulges; then the coast.' }, { type: 'text', text: sampleAnswer }] });
      world.addMessage(thread, { parts: [{ type: 'text', text: 'And on the Moon?' }], created_ms: at + 1000 });
      world.addMessage(thread, { ...common, state: 'interrupted', created_ms: at + 2000, parts: [{ type: 'text', text: 'The Earth raises tides in the solid Moon too: about' }] });
    } else {
      world.addMessage(thread, { ...common, parts: [{ type: 'text', text: `Here is a short answer about *${title}*.` }] });
    }
    thread.updated_ms = at;
    thread.preview = 'Here is a short answer';
  }
}
