// SPDX-License-Identifier: AGPL-3.0-or-later
/// <reference types="svelte" />
/// <reference types="vite/client" />
