CREATE TABLE `GithubOrganization` (
	`id` text PRIMARY KEY NOT NULL,
	`profile` text NOT NULL,
	`createdAt` integer NOT NULL,
	`updatedAt` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `GithubUser` (
	`id` text PRIMARY KEY NOT NULL,
	`profile` text NOT NULL,
	`token` text,
	`createdAt` integer NOT NULL,
	`updatedAt` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `GlobalLock` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL,
	`expiresAt` integer NOT NULL,
	`createdAt` integer NOT NULL,
	`updatedAt` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `SyncOutbox` (
	`id` text PRIMARY KEY NOT NULL,
	`accountId` text NOT NULL,
	`message` text NOT NULL,
	`createdAt` integer NOT NULL,
	FOREIGN KEY (`accountId`) REFERENCES `Account`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `SyncOutbox_accountId` ON `SyncOutbox` (`accountId`,`id`);--> statement-breakpoint
CREATE TABLE `RepeatKey` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL,
	`createdAt` integer NOT NULL,
	`expiresAt` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `RepeatKey_expiresAt` ON `RepeatKey` (`expiresAt`);--> statement-breakpoint
CREATE TABLE `SimpleCache` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL,
	`createdAt` integer NOT NULL,
	`updatedAt` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `UserRelationship` (
	`fromUserId` text NOT NULL,
	`toUserId` text NOT NULL,
	`status` text DEFAULT 'pending' NOT NULL,
	`acceptedAt` integer,
	`lastNotifiedAt` integer,
	`createdAt` integer NOT NULL,
	`updatedAt` integer NOT NULL,
	PRIMARY KEY(`fromUserId`, `toUserId`),
	FOREIGN KEY (`fromUserId`) REFERENCES `Account`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`toUserId`) REFERENCES `Account`(`id`) ON UPDATE no action ON DELETE cascade,
	CONSTRAINT "UserRelationship_status" CHECK("UserRelationship"."status" IN ('none', 'requested', 'pending', 'friend', 'rejected'))
);
--> statement-breakpoint
CREATE INDEX `UserRelationship_toUserId_status` ON `UserRelationship` (`toUserId`,`status`);--> statement-breakpoint
CREATE INDEX `UserRelationship_fromUserId_status` ON `UserRelationship` (`fromUserId`,`status`);--> statement-breakpoint
CREATE UNIQUE INDEX `Account_username_lower` ON `Account` (lower("username"));