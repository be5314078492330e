// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The page of Hearth. Reading order: lib/rpc.ts (the wire), lib/methods.ts (what is asked), stores/ (the
// state, fed only by the client), then App.svelte and the folders of components: frame/ (what is always
// there), chat/ (the conversation), pages/ (the rest), markdown/ (what a model wrote, as elements).
import { mount } from 'svelte';
import App from './App.svelte';
import './styles/tokens.css';
import './styles/base.css';
import './styles/prose.css';
import { start } from './stores/app';

start();
mount(App, { target: document.getElementById('app')! });
