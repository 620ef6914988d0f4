import type { JSX } from "preact";

/** A sentence of the documents: the only markup in it is `code`. */
export function Prose({ text }: { readonly text: string }): JSX.Element {
  return (
    <>{text.split("`").map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}</>
  );
}
