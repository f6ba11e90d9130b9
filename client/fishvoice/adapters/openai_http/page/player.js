// Sound that is played while it still arrives, and the word that is heard at the moment.

import { SAMPLE_RATE } from "./request.js";

const LEAD_SECONDS = 0.1; // before the first sound, so that the second one is there in time

export class Player {
  /** `onWord(index)` is called as each word begins to be heard. */
  constructor(onWord) {
    this.context = new AudioContext({ sampleRate: SAMPLE_RATE });
    this.onWord = onWord;
    this.starts = []; // of words, in seconds of the speech
    this.begun = null; // when the speech began, on the context's clock
    this.at = 0; // when the next piece begins
    this.lost = 0; // seconds of gaps: what was not there in time moves everything behind it
    this.heard = -1;
  }

  /** More sound, 16 bits little-endian in base64, and the words that have become known. */
  add(audio, words) {
    for (const word of words) this.starts.push(word.start_time);
    const bytes = Uint8Array.from(atob(audio), (each) => each.charCodeAt(0));
    if (bytes.length) this.play(new DataView(bytes.buffer));
    this.follow();
  }

  play(view) {
    const samples = new Float32Array(view.byteLength / 2);
    for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(2 * i, true) / 32768;
    const buffer = this.context.createBuffer(1, samples.length, SAMPLE_RATE);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.context.destination);
    const now = this.context.currentTime;
    if (this.begun === null) {
      this.at = this.begun = now + LEAD_SECONDS;
    } else if (this.at < now) {
      this.lost += now - this.at;
      this.at = now;
    }
    source.start(this.at);
    this.at += buffer.duration;
  }

  /** Tell the word that is heard now, and look again with the next frame. */
  follow() {
    if (this.following || this.begun === null) return;
    this.following = requestAnimationFrame(() => {
      this.following = 0;
      if (this.context.state === "closed") return;
      const seconds = this.context.currentTime - this.begun - this.lost;
      while (this.heard + 1 < this.starts.length && this.starts[this.heard + 1] <= seconds) this.onWord(++this.heard);
      if (this.context.currentTime < this.at || this.heard + 1 < this.starts.length) this.follow();
    });
  }

  /** Resolves when all that was added has been heard, or the player was stopped. */
  async finished() {
    while (this.context.state !== "closed" && this.context.currentTime < this.at) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop() {
    cancelAnimationFrame(this.following);
    if (this.context.state !== "closed") await this.context.close();
  }
}
