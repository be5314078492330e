// SPDX-License-Identifier: AGPL-3.0-or-later
// Addresses: `/`, `/t/<thread>`, `/models`, `/plugins`, `/monitor`, `/settings`. The daemon answers all of
// them with the same document.

export type Page = 'chat' | 'models' | 'plugins' | 'monitor' | 'settings';
const pages: readonly string[] = ['models', 'plugins', 'monitor', 'settings'];

export interface Route {
  page: Page;
  thread: string | null;
}

export function parse(path: string): Route {
  const [first, second] = path.split('/').filter(Boolean);
  if (first === 't' && second) {
    try {
      return { page: 'chat', thread: decodeURIComponent(second) };
    } catch {
      return { page: 'chat', thread: null };
    }
  }
  if (first && pages.includes(first)) return { page: first as Page, thread: null };
  return { page: 'chat', thread: null };
}

export const pathOf = ({ page, thread }: Route): string =>
  page !== 'chat' ? `/${page}` : thread ? `/t/${encodeURIComponent(thread)}` : '/';

class Router {
  route = $state.raw<Route>(parse(location.pathname));

  constructor() {
    addEventListener('popstate', () => (this.route = parse(location.pathname)));
  }

  go(route: Partial<Route>, replace = false): void {
    const next: Route = { page: route.page ?? 'chat', thread: route.thread ?? null };
    const path = pathOf(next);
    if (path !== location.pathname) history[replace ? 'replaceState' : 'pushState'](null, '', path);
    this.route = next;
  }

  /** For links: the browser keeps its own ways of opening them (new tab, new window). */
  follow = (event: MouseEvent, route: Partial<Route>): void => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.go(route);
  };
}

export const router = new Router();
