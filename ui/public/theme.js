// SPDX-License-Identifier: AGPL-3.0-or-later
// Runs before the first paint, so that a chosen theme never flashes the other one.
try {
  var prefs = JSON.parse(localStorage.getItem('hearth.prefs') || '{}');
  if (prefs.theme === 'light' || prefs.theme === 'dark') document.documentElement.dataset.theme = prefs.theme;
  if (prefs.density === 'compact') document.documentElement.dataset.density = 'compact';
} catch (e) {
  // Storage may be closed to us; the system's theme is then the right one.
}
