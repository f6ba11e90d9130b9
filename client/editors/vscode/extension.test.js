// The extension with a stand-in for the editor, and whatever `fishvoice` is first on PATH. Run: node --test

'use strict';

const assert = require('node:assert');
const Module = require('node:module');
const { afterEach, beforeEach, test } = require('node:test');

const commands = {};
const messages = [];
const contexts = [];
const settings = { command: ['fishvoice'], arguments: [] };
const vscode = {
  commands: {
    registerCommand: (name, run) => { commands[name] = run; return { dispose() {} }; },
    executeCommand: (...given) => contexts.push(given),
  },
  window: {
    activeTextEditor: undefined,
    showErrorMessage: (message) => messages.push(message),
    showInformationMessage: (message) => messages.push(message),
  },
  workspace: { getConfiguration: () => ({ get: (name) => settings[name] }) },
};
const load = Module._load;
Module._load = (name, ...rest) => (name === 'vscode' ? vscode : load(name, ...rest));
const extension = require('./extension.js');

const NODE = process.execPath;

// A command that records what it gets; told to wait, it does so until it is stopped.
const recorder = (script) => [NODE, '-e', `process.stdin.setEncoding('utf8'); let text = '';
  process.stdin.on('data', (piece) => { text += piece; }).on('end', () => { ${script} });`, '--'];

function editor(text, ...selections) {
  const lines = text.split('\n');
  vscode.window.activeTextEditor = {
    document: { lineAt: (line) => ({ text: lines[line] }), getText: (selection) => selection.text },
    selection: { active: { line: 1 } },
    selections: selections.length ? selections.map((each) => ({ isEmpty: each === '', text: each })) : [{ isEmpty: true }],
  };
}

beforeEach(() => {
  messages.length = 0;
  contexts.length = 0;
  settings.arguments = [];
  extension.activate({ subscriptions: [] });
});
afterEach(() => extension.deactivate());

const record = recorder('process.stderr.write(JSON.stringify([process.argv.slice(1), text])); process.exitCode = 3;');
const recorded = () => JSON.parse(messages[0].slice('fishvoice: '.length));

test('a selection, or several, or the line of the cursor', async () => {
  settings.command = record;
  settings.arguments = ['--voice', 'starter'];
  for (const [selections, expected] of [[['Größe 🙂'], 'Größe 🙂'], [['One', '', 'two'], 'One\n\ntwo'], [[], 'second']]) {
    messages.length = 0;
    editor('first\nsecond\nthird', ...selections);
    await commands['fishvoice.say']();
    assert.deepEqual(recorded(), [['say', '-', '--voice', 'starter'], expected]);
  }
});

test('success says nothing, and the context follows', async () => {
  settings.command = recorder('process.exit(0)');
  editor('a\nb');
  await commands['fishvoice.say']();
  assert.deepEqual(messages, []);
  const speaking = contexts.map(([, , value]) => value);
  assert.deepEqual(speaking, [false, true, false]);
});

test('stop ends the process without a complaint', async () => {
  settings.command = recorder('setInterval(() => {}, 1000)');
  editor('a\nb');
  const over = commands['fishvoice.say']();
  commands['fishvoice.stop']();
  await over;
  assert.deepEqual(messages, []);
});

test('a new text takes the place of the old one', async () => {
  settings.command = recorder('if (text === "b") setInterval(() => {}, 1000)');
  editor('a\nb');
  const first = commands['fishvoice.say']();
  editor('a\nb', 'new');
  await commands['fishvoice.say']();
  await first;
  assert.deepEqual(messages, []);
});

test('what is wrong is said', async () => {
  settings.command = ['no-such-command-anywhere'];
  editor('a\nb');
  await commands['fishvoice.say']();
  assert.match(messages.pop(), /no-such-command-anywhere is not installed/);
  settings.command = [NODE, '-e', 'console.error("fishvoice: first\\nfishvoice: no daemon runs"); process.exit(1)', '--'];
  editor('a\nb', 'x'.repeat(1_000_000)); // and it does not even read
  await commands['fishvoice.say']();
  assert.equal(messages.pop(), 'fishvoice: no daemon runs');
  for (const nothing of [() => editor('a\n '), () => { vscode.window.activeTextEditor = undefined; }]) {
    nothing();
    await commands['fishvoice.say']();
    assert.match(messages.pop(), /no text/);
  }
});

test('the real command speaks, where there is one to speak to', { skip: !process.env.FISHVOICE_HOME }, async () => {
  settings.command = ['fishvoice'];
  editor('a\nSpoken by the real command.');
  await commands['fishvoice.say']();
  assert.deepEqual(messages, []);
});
