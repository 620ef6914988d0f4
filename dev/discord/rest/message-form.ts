import { ButtonStyle, ComponentType } from "discord-api-types/v10";
import type { LinkButton } from "../model.ts";
import type { Form } from "./form.ts";

const CONTENT_MAX_LENGTH = 2_000;
const LABEL_MAX_LENGTH = 80;
const ADDRESS_MAX_LENGTH = 512;
const SCHEMES: readonly string[] = ["http:", "https:", "discord:"];

/** What is modelled of a message, of a channel as of an answer to a command. */
export function readMessage(form: Form): {
  readonly content: string;
  readonly buttons: readonly LinkButton[];
} {
  const content = form.text("content", { max: CONTENT_MAX_LENGTH }) ?? "";
  const rows = form.list("components", readRow);
  return { content, buttons: rows?.flat() ?? [] };
}

function readRow(form: Form): readonly LinkButton[] {
  form.choice("type", [ComponentType.ActionRow], { required: true });
  return form.list("components", readButton) ?? [];
}

function readButton(form: Form): LinkButton {
  form.choice("type", [ComponentType.Button], { required: true });
  form.choice("style", [ButtonStyle.Link], { required: true });
  const label = form.text("label", { min: 1, max: LABEL_MAX_LENGTH, required: true }) ?? "";
  const url = form.text("url", { max: ADDRESS_MAX_LENGTH, required: true }) ?? "";
  if (!URL.canParse(url)) {
    if (url !== "") form.refuse("url", "URL_TYPE_INVALID_URL", "Not a well formed URL.");
    return { label, url };
  }
  const { protocol } = new URL(url);
  if (!SCHEMES.includes(protocol)) {
    const message = `Scheme "${protocol.slice(0, -1)}" is not one of ('http', 'https', 'discord').`;
    form.refuse("url", "URL_TYPE_INVALID_SCHEME", message);
  }
  return { label, url };
}
