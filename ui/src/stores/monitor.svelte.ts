// SPDX-License-Identifier: AGPL-3.0-or-later
// The machine's memory and processor. Sampled by the daemon only while somebody looks: `watch` is called
// by the page that shows it, and what it returns ends the sampling.
import { call, rpc, sentence } from '../lib/api';
import type { ChildUse, SampleEvent } from '../lib/objects';

export interface Sample {
  memory_total: number;
  memory_used: number;
  cpu: number;
  hearth_memory: number;
  hearth_cpu: number;
  children: ChildUse[];
}

const cap_samples = 120;

class Monitor {
  samples = $state.raw<Sample[]>([]);
  cores = $state(0);
  load1 = $state(0);
  error = $state<string | null>(null);

  get last(): Sample | undefined {
    return this.samples.at(-1);
  }

  watch(): () => void {
    this.samples = [];
    void this.#first();
    return rpc.watch(
      ['monitor.sampled'],
      (_topic, value) => this.#add(value as SampleEvent),
      (error) => (this.error = sentence(error)),
    );
  }

  async #first(): Promise<void> {
    try {
      const [resources, load, history] = await Promise.all([
        call('monitor.resources.get', {}),
        call('monitor.load.get', {}),
        call('monitor.history.get', {}).catch(() => ({ samples: [] as SampleEvent[] })),
      ]);
      this.error = null;
      const past = history.samples.filter((sample) => sample.memory).map((sample) => this.#read(sample));
      this.samples = [...past, this.#read({ ...resources, ...load }), ...this.samples].slice(-cap_samples);
    } catch (error) {
      this.error = sentence(error);
    }
  }

  #add(event: SampleEvent): void {
    this.error = null;
    this.samples = [...this.samples.slice(1 - cap_samples), this.#read(event)];
  }

  #read(event: SampleEvent): Sample {
    const load = event.load ?? event;
    if (load.cores) this.cores = load.cores;
    if (load.load1 !== undefined) this.load1 = load.load1;
    return {
      memory_total: event.memory.total_bytes,
      memory_used: event.memory.used_bytes,
      cpu: load.cpu ?? 0,
      hearth_memory: event.hearth?.memory_bytes ?? 0,
      hearth_cpu: event.hearth?.cpu ?? 0,
      children: event.children ?? [],
    };
  }
}

export const monitor = new Monitor();
