CREATE TABLE `AccountAuthRequest` (
	`id` text PRIMARY KEY NOT NULL,
	`publicKey` text NOT NULL,
	`response` text,
	`responseAccountId` text,
	`pickedUpAt` integer,
	`expiresAt` integer NOT NULL,
	`createdAt` integer NOT NULL,
	`updatedAt` integer NOT NULL,
	FOREIGN KEY (`responseAccountId`) REFERENCES `Account`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `AccountAuthRequest_publicKey_unique` ON `AccountAuthRequest` (`publicKey`);--> statement-breakpoint
CREATE INDEX `AccountAuthRequest_expiresAt` ON `AccountAuthRequest` (`expiresAt`);--> statement-breakpoint
CREATE INDEX `AccountAuthRequest_responseAccountId` ON `AccountAuthRequest` (`responseAccountId`);--> statement-breakpoint
CREATE TABLE `Account` (
	`id` text PRIMARY KEY NOT NULL,
	`publicKey` text NOT NULL,
	`tokenEpoch` integer DEFAULT 0 NOT NULL,
	`seq` integer DEFAULT 0 NOT NULL,
	`feedSeq` integer DEFAULT 0 NOT NULL,
	`settings` text,
	`settingsVersion` integer DEFAULT 0 NOT NULL,
	`githubUserId` text,
	`firstName` text,
	`lastName` text,
	`username` text,
	`createdAt` integer NOT NULL,
	`updatedAt` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `Account_publicKey_unique` ON `Account` (`publicKey`);--> statement-breakpoint
CREATE UNIQUE INDEX `Account_githubUserId_unique` ON `Account` (`githubUserId`);--> statement-breakpoint
CREATE UNIQUE INDEX `Account_username_unique` ON `Account` (`username`);--> statement-breakpoint
CREATE TABLE `TerminalAuthRequest` (
	`id` text PRIMARY KEY NOT NULL,
	`publicKey` text NOT NULL,
	`response` text,
	`responseAccountId` text,
	`pickedUpAt` integer,
	`expiresAt` integer NOT NULL,
	`createdAt` integer NOT NULL,
	`updatedAt` integer NOT NULL,
	`supportsV2` integer DEFAULT false NOT NULL,
	FOREIGN KEY (`responseAccountId`) REFERENCES `Account`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `TerminalAuthRequest_publicKey_unique` ON `TerminalAuthRequest` (`publicKey`);--> statement-breakpoint
CREATE INDEX `TerminalAuthRequest_expiresAt` ON `TerminalAuthRequest` (`expiresAt`);--> statement-breakpoint
CREATE INDEX `TerminalAuthRequest_responseAccountId` ON `TerminalAuthRequest` (`responseAccountId`);