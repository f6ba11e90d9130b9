// Speak what is selected, or the line of the cursor, through the command `fishvoice`; stop when asked.

'use strict';

const { spawn } = require('node:child_process');
const vscode = require('vscode');

let current; // the process that speaks

function stop() {
  const process = current;
  tellSpeaking(undefined);
  process?.kill('SIGTERM');
}

function say() {
  const editor = vscode.window.activeTextEditor;
  const text = editor ? spoken(editor) : '';
  stop();
  if (!text.trim()) {
    vscode.window.showInformationMessage('fishvoice: there is no text to speak here');
    return undefined;
  }
  const settings = vscode.workspace.getConfiguration('fishvoice');
  const [program, ...before] = settings.get('command');
  const process = spawn(program, [...before, 'say', '-', ...settings.get('arguments')], {
    stdio: ['pipe', 'pipe', 'pipe'], // it ends by itself when this program has gone and its output is closed
    windowsHide: true,
  });
  tellSpeaking(process);
  let complaint = '';
  process.stdout.resume();
  process.stderr.setEncoding('utf8').on('data', (piece) => { complaint = (complaint + piece).slice(-2000); });
  process.stdin.on('error', () => {}); // it has ended early, and its exit says why
  process.stdin.end(text);
  return new Promise((resolve) => {
    process.on('error', (error) => ended(process, error.code === 'ENOENT' ? `${program} is not installed: pip install fishvoice` : error.message, resolve));
    process.on('close', (code) => ended(process, code === 0 || code === 130 ? '' : lastLine(complaint) || `ended with code ${code}`, resolve));
  });
}

function ended(process, complaint, resolve) {
  if (process === current) { // else it was stopped from here, and whatever it says does not matter
    tellSpeaking(undefined);
    if (complaint) {
      vscode.window.showErrorMessage(`fishvoice: ${complaint}`);
    }
  }
  resolve();
}

function tellSpeaking(process) {
  current = process;
  vscode.commands.executeCommand('setContext', 'fishvoice.speaking', process !== undefined);
}

function spoken(editor) {
  const selected = editor.selections.filter((selection) => !selection.isEmpty);
  if (selected.length === 0) {
    return editor.document.lineAt(editor.selection.active.line).text;
  }
  return selected.map((selection) => editor.document.getText(selection)).join('\n\n');
}

function lastLine(complaint) {
  return complaint.trim().split('\n').pop().replace(/^fishvoice: /, '');
}

function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand('fishvoice.say', say),
    vscode.commands.registerCommand('fishvoice.stop', stop),
  );
}

module.exports = { activate, deactivate: stop };
