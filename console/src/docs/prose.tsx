import type { JSX } from "preact";

/**
 * A sentence of the documents: the only markup in it is `code`.
 * @param linkTo where each `code` is explained
 */
export function Prose({
  text,
  linkTo,
}: {
  readonly text: string;
  readonly linkTo?: (code: string) => string;
}): JSX.Element {
  return (
    <>
      {text.split("`").map((part, i) => {
        if (i % 2 === 0) return part;
        const code = <code key={i}>{part}</code>;
        return linkTo === undefined ? (
          code
        ) : (
          <a key={i} href={linkTo(part)}>
            {code}
          </a>
        );
      })}
    </>
  );
}
