CREATE TABLE `match_troubles` (
	`guild_id` text NOT NULL,
	`kind` text NOT NULL,
	`subject` text NOT NULL,
	`told_at` integer NOT NULL,
	PRIMARY KEY(`guild_id`, `kind`)
);
