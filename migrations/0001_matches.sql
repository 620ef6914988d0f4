CREATE TABLE `active_matches` (
	`match_id` text NOT NULL,
	`faction` text NOT NULL,
	`voice_channel_id` text,
	`guild_id` text NOT NULL,
	`channel_name` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`match_id`, `faction`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `active_matches_name` ON `active_matches` (`guild_id`,`channel_name`);--> statement-breakpoint
CREATE TABLE `link_attempts` (
	`state_hash` text PRIMARY KEY NOT NULL,
	`step` text NOT NULL,
	`discord_id` text NOT NULL,
	`guild_id` text NOT NULL,
	`browser_hash` text,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `link_attempts_by_expiry` ON `link_attempts` (`expires_at`);--> statement-breakpoint
CREATE TABLE `link_audit` (
	`id` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`action` text NOT NULL,
	`discord_id` text NOT NULL,
	`faceit_id` text NOT NULL,
	`verified_method` text NOT NULL,
	`by_discord_id` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `link_audit_by_discord_id` ON `link_audit` (`discord_id`,`at`);--> statement-breakpoint
CREATE TABLE `matches` (
	`match_id` text PRIMARY KEY NOT NULL,
	`guild_id` text NOT NULL,
	`state` text NOT NULL,
	`created_at` integer NOT NULL,
	`player_ids` text NOT NULL,
	`record` text NOT NULL,
	`revision` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `matches_of_guild` ON `matches` (`guild_id`,`state`,`created_at`,`match_id`);--> statement-breakpoint
CREATE INDEX `matches_live` ON `matches` (`match_id`) WHERE state = 'live';--> statement-breakpoint
CREATE TABLE `player_links` (
	`discord_id` text PRIMARY KEY NOT NULL,
	`faceit_id` text NOT NULL,
	`nickname` text NOT NULL,
	`verified_method` text DEFAULT 'oauth' NOT NULL,
	`linked_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `player_links_faceit_id_unique` ON `player_links` (`faceit_id`);