CREATE TABLE `idempotency_keys` (
	`sub` text NOT NULL,
	`key` text NOT NULL,
	`fingerprint` text NOT NULL,
	`claimed_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`status` integer,
	`body` text,
	PRIMARY KEY(`sub`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_by_expiry` ON `idempotency_keys` (`expires_at`);--> statement-breakpoint
CREATE TABLE `provider_keys` (
	`url` text PRIMARY KEY NOT NULL,
	`jwks` text NOT NULL,
	`asked_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `rooms` (
	`id` text PRIMARY KEY NOT NULL,
	`channel_id` text,
	`guild_id` text NOT NULL,
	`name` text NOT NULL,
	`user_limit` integer NOT NULL,
	`private` integer NOT NULL,
	`allowed_user_ids` text NOT NULL,
	`parent_id` text,
	`created_by` text NOT NULL,
	`created_by_discord_id` text,
	`created_at` integer NOT NULL,
	`opened_at` integer,
	`state` text NOT NULL,
	`ended_at` integer,
	`idempotency_key` text,
	`idle_ms` integer NOT NULL,
	`revision` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `rooms_channel` ON `rooms` (`channel_id`);--> statement-breakpoint
CREATE INDEX `rooms_guild_state` ON `rooms` (`guild_id`,`state`,`id`);