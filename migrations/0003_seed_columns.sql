CREATE TABLE `__new_active_matches` (
	`match_id` text NOT NULL,
	`faction` text NOT NULL,
	`voice_channel_id` text,
	`guild_id` text,
	`channel_name` text,
	`created_at` integer DEFAULT (unixepoch() * 1000) NOT NULL,
	PRIMARY KEY(`match_id`, `faction`)
);
--> statement-breakpoint
INSERT INTO `__new_active_matches`("match_id", "faction", "voice_channel_id", "guild_id", "channel_name", "created_at") SELECT "match_id", "faction", "voice_channel_id", "guild_id", "channel_name", "created_at" FROM `active_matches`;--> statement-breakpoint
DROP TABLE `active_matches`;--> statement-breakpoint
ALTER TABLE `__new_active_matches` RENAME TO `active_matches`;--> statement-breakpoint
CREATE UNIQUE INDEX `active_matches_name` ON `active_matches` (`guild_id`,`channel_name`);--> statement-breakpoint
CREATE TABLE `__new_player_links` (
	`discord_id` text PRIMARY KEY NOT NULL,
	`faceit_id` text NOT NULL,
	`nickname` text DEFAULT '' NOT NULL,
	`verified_method` text DEFAULT 'oauth' NOT NULL,
	`linked_at` integer DEFAULT (unixepoch() * 1000) NOT NULL
);
--> statement-breakpoint
INSERT INTO `__new_player_links`("discord_id", "faceit_id", "nickname", "verified_method", "linked_at") SELECT "discord_id", "faceit_id", "nickname", "verified_method", "linked_at" FROM `player_links`;--> statement-breakpoint
DROP TABLE `player_links`;--> statement-breakpoint
ALTER TABLE `__new_player_links` RENAME TO `player_links`;--> statement-breakpoint
CREATE UNIQUE INDEX `player_links_faceit_id_unique` ON `player_links` (`faceit_id`);