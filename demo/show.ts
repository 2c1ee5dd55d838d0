/** How the scenes are shown: a picture in place on a terminal, lines of text elsewhere. */
import { frameOf } from "../src/cli/live_picture.ts";
import { standardTerminal } from "../src/cli/terminal.ts";
import { writeAll } from "../src/observability/buffered_line_writer.ts";
import { drawPicture, type View } from "./picture.ts";
import { pause } from "./processes.ts";

/** Milliseconds between two pictures. */
const PICTURE_MS = 200;

/** What the picture is made of besides the words of the scenes. */
export type Sight = Pick<View, "routes" | "status" | "tally">;

/** Where the scenes say what happens. */
export interface Show {
  /** A scene begins, described in one sentence. */
  scene(sentence: string): Promise<void>;
  /** Something has happened. */
  event(sentence: string): Promise<void>;
  /** Time for eyes, in seconds; without a terminal there are none. */
  look(seconds: number): Promise<void>;
  /** No picture is drawn from now on. */
  close(): void;
}

/**
 * Opens the show.
 *
 * @param scenes how many there are
 * @param sight what there is to be seen now
 */
export function openShow(scenes: number, sight: () => Promise<Sight>): Show {
  return standardTerminal().hasControl ? openPicture(scenes, sight) : openText(scenes);
}

async function write(text: string): Promise<void> {
  const { kind } = await writeAll(Deno.stdout, text);
  // As in `| head`: nobody wants to see more.
  if (kind === "reader-gone") Deno.exit(0);
}

function openText(scenes: number): Show {
  let count = 0;
  return {
    scene: (sentence) => write(`Scene ${++count} of ${scenes}: ${sentence}\n`),
    event: (sentence) => {
      const seconds = (performance.now() / 1_000).toFixed(1).padStart(6);
      return write(`${seconds} s  ${sentence}\n`);
    },
    look: () => Promise.resolve(),
    close: () => {},
  };
}

function openPicture(scenes: number, sight: () => Promise<Sight>): Show {
  let count = 0;
  let sentence = "";
  let events: readonly string[] = [];
  let isOpen = true;
  let size = "";
  const draw = async (): Promise<void> => {
    const view = {
      ...{ title: `Scene ${count} of ${scenes}`, sentence, events },
      ...{ seconds: performance.now() / 1_000, ...await sight() },
    };
    const terminal = standardTerminal();
    const picture = drawPicture(view, terminal).join("\n");
    const newSize = `${terminal.columns} ${terminal.rows}`;
    if (isOpen) await write(frameOf(picture, terminal, newSize !== size));
    size = newSize;
  };
  const drawAll = async (): Promise<void> => {
    for (; isOpen; await pause(PICTURE_MS)) await draw();
  };
  // The scenes meet the same fault, and say what it is.
  drawAll().catch(() => {});
  return {
    scene: (next) => {
      count += 1;
      sentence = next;
      events = [];
      return Promise.resolve();
    },
    event: (next) => {
      events = [...events, next];
      return Promise.resolve();
    },
    look: (seconds) => pause(seconds * 1_000),
    close: () => {
      isOpen = false;
    },
  };
}
