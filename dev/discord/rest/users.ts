import type { Result } from "../../../src/platform/result.ts";
import { err, ok } from "../../../src/platform/result.ts";
import { directChannelObject, userObject } from "../objects.ts";
import type { World } from "../world.ts";
import type { Failure } from "./failure.ts";
import { FAILURES } from "./failure.ts";
import type { Fields } from "./form.ts";
import { Form } from "./form.ts";

const SELF = "@me";

/** `GET /users/:userId`: the bot itself has some members more. */
export function getUser(world: World, userId: string): Result<unknown, Failure> {
  if (userId === SELF) {
    return ok({ ...userObject(world.bot()), verified: true, mfa_enabled: false, email: null });
  }
  const user = world.users.get(userId);
  return user === undefined ? err(FAILURES.unknownUser) : ok(userObject(user));
}

/** `POST /users/@me/channels`: the channel between the bot and one user. */
export function openDirectChannel(
  world: World,
  userId: string,
  fields: Fields,
): Result<unknown, Failure> {
  if (userId !== SELF) return err(FAILURES.notFound);
  const form = new Form(fields);
  const recipientId = form.text("recipient_id", { min: 1, max: 64, required: true });
  const invalid = form.failure();
  if (invalid !== null) return err(invalid);
  const recipient = world.users.get(recipientId ?? "");
  if (recipient === undefined) return err(FAILURES.unknownUser);
  if (recipient.bot) return err(FAILURES.cannotMessageUser);
  return ok(directChannelObject(world.archive.directChannelWith(recipient.id), recipient));
}
