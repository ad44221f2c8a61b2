import { styleText } from "node:util";

/** Where text is written to. */
export interface ColourTarget {
  readonly isTTY?: boolean | undefined;
}

export type Paint = (text: string) => string;

/** What is told apart by colour. Each also says in words what it is. */
export interface Colours {
  readonly heading: Paint;
  readonly faint: Paint;
  readonly good: Paint;
  readonly doubtful: Paint;
  readonly bad: Paint;
}

const painting = (format: Parameters<typeof styleText>[0]): Paint => {
  // Whether there are colours is decided here, not by the stream.
  const style = styleText as (format: unknown, text: string, options: { readonly validateStream: false }) => string;
  return (text) => style(format, text, { validateStream: false });
};

const PLAIN: Paint = (text) => text;

/** NO_COLOR goes before FORCE_COLOR, and that before what the stream is. */
export function wantsColours({ isTTY }: ColourTarget, environment: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = environment;
  if (NO_COLOR) return false;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return isTTY === true && TERM !== "dumb";
}

export function coloursFor(target: ColourTarget, environment: NodeJS.ProcessEnv): Colours {
  if (!wantsColours(target, environment)) return { heading: PLAIN, faint: PLAIN, good: PLAIN, doubtful: PLAIN, bad: PLAIN };
  return {
    heading: painting("bold"),
    faint: painting("dim"),
    good: painting("green"),
    doubtful: painting("yellow"),
    bad: painting("red"),
  };
}
