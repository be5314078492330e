// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Model } from '../lib/objects';

export const isRemote = (model: Model | undefined): boolean => model?.engine === 'engine-remote';

/** Where a model runs, in the words that the page uses everywhere. */
export const placeOf = (model: Model | undefined): string =>
  model === undefined ? 'no longer here' : isRemote(model) ? 'another server' : 'this machine';
