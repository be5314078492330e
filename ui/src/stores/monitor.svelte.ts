// SPDX-License-Identifier: AGPL-3.0-or-later
// The machine's memory and processor. Sampled by the daemon only while somebody looks: `watch` is called
// by the page that shows it, and what it returns ends the sampling.
import { call, rpc, sentence } from '../lib/api';
import type { Load, Resources, Sample } from '../lib/objects';

interface Point {
  cpu: number;
  used_bytes: number;
}

const shown_ms = 120_000;
const cap_points = 120;

class Monitor {
  points = $state.raw<Point[]>([]);
  resources = $state.raw<Resources | null>(null);
  load = $state.raw<Load | null>(null);
  error = $state<string | null>(null);

  watch(): () => void {
    this.points = [];
    const stops = [
      // At every opening of the link: the first look, and each return.
      rpc.onOpen(() => void this.#first()),
      rpc.watch(
        ['monitor.sampled'],
        (_topic, value) => this.#add(value as Sample),
        (error) => (this.error = sentence(error)),
      ),
    ];
    return () => stops.forEach((stop) => stop());
  }

  async #first(): Promise<void> {
    try {
      const [resources, load, { samples }] = await Promise.all([
        call('monitor.resources.get', {}),
        call('monitor.load.get', {}),
        call('monitor.history.get', {}),
      ]);
      this.error = null;
      this.resources ??= resources;
      this.load ??= load;
      const since = Date.now() - shown_ms;
      const past = samples.filter((one) => one.at_ms >= since).map((one) => ({ cpu: one.cpu ?? 0, used_bytes: one.used_bytes }));
      this.points = [...past, ...this.points].slice(-cap_points);
    } catch (error) {
      this.error = sentence(error);
    }
  }

  #add(sample: Sample): void {
    this.error = null;
    this.resources = sample;
    this.load = sample;
    const point = { cpu: sample.cpu ?? 0, used_bytes: sample.memory.used_bytes ?? 0 };
    this.points = [...this.points.slice(1 - cap_points), point];
  }
}

export const monitor = new Monitor();
