BEGIN TRANSACTION;
CREATE TABLE entries (
	id INTEGER NOT NULL, 
	time DATETIME NOT NULL, 
	source VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "entries" VALUES(1,'2026-11-22 01:00:00.000000','T1','frame','good','{"level_adu": 30000}');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	rig VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	filter VARCHAR, 
	time DATETIME NOT NULL, 
	told DATETIME NOT NULL, 
	who VARCHAR NOT NULL, 
	note VARCHAR NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "events" VALUES(1,'T1','filter_cleaned','Ha','2026-11-22 01:11:00.000000','2026-11-22 02:00:00.000000','ann','dust');
CREATE TABLE frames (
	id INTEGER NOT NULL, 
	run INTEGER, 
	rig VARCHAR NOT NULL, 
	night DATE NOT NULL, 
	path VARCHAR NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	height_px INTEGER NOT NULL, 
	width_px INTEGER NOT NULL, 
	taken DATETIME NOT NULL, 
	camera VARCHAR NOT NULL, 
	actual_exposure_s DOUBLE NOT NULL, 
	sun_altitude_deg DOUBLE, 
	ccd_temperature_c DOUBLE, 
	altitude_deg DOUBLE, 
	azimuth_deg DOUBLE, 
	right_ascension_h DOUBLE, 
	declination_deg DOUBLE, 
	actual_rotator_deg DOUBLE, 
	roof_shut BOOLEAN, 
	saturation_adu DOUBLE NOT NULL, 
	electrons_per_adu DOUBLE, 
	sensor JSON NOT NULL, 
	median_adu DOUBLE NOT NULL, 
	mean_adu DOUBLE NOT NULL, 
	deviation_adu DOUBLE NOT NULL, 
	percentile_999_adu DOUBLE NOT NULL, 
	saturated_fraction DOUBLE NOT NULL, 
	target_adu DOUBLE, 
	good BOOLEAN NOT NULL, 
	reasons JSON NOT NULL, 
	gates JSON NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	exposure_s DOUBLE NOT NULL, 
	filter VARCHAR, 
	binning INTEGER NOT NULL, 
	gain INTEGER, 
	"offset" INTEGER, 
	readout_mode VARCHAR, 
	set_temperature_c DOUBLE, 
	rotator_deg DOUBLE, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run) REFERENCES runs (id), 
	UNIQUE (path)
);
INSERT INTO "frames" VALUES(1,1,'T1','2026-11-21','raw/T1-dark 120 s-0100.fits','0000000000000000000000000000000000000000000000000000000000000000',24,32,'2026-11-22 01:00:00.000000','Camera of T1',120.0,-25.5,-10.02,76.0,95.25,5.25,-5.5,12.5,1,60000.0,0.25,'{"pixel_size_um": [3.76, 3.76], "subframe_origin_px": [4, 8], "bayer_pattern": "RGGB", "bayer_offset_px": [0, 1], "downloaded_s": 0.75}',1000.0,999.53515625,7.41299999999999936761e+00,1023.0,0.0,1000.0,1,'[]','{}','dark',120.0,NULL,1,100,30,'Normal',-10.0,NULL);
INSERT INTO "frames" VALUES(2,1,'T1','2026-11-21','raw/T1-dark 120 s-0101.fits','000000000000000000000000000000000000000000000000000000000000003c',24,32,'2026-11-22 01:01:00.000000','Camera of T1',120.0,-25.5,-10.02,76.0,95.25,5.25,-5.5,12.5,1,60000.0,0.25,'{"pixel_size_um": [3.76, 3.76], "subframe_origin_px": [4, 8], "bayer_pattern": "RGGB", "bayer_offset_px": [0, 1], "downloaded_s": 0.75}',999.0,9.99631510416666628753e+02,7.41299999999999936761e+00,1024.0,0.0,1000.0,1,'[]','{}','dark',120.0,NULL,1,100,30,'Normal',-10.0,NULL);
INSERT INTO "frames" VALUES(3,1,'T1','2026-11-21','raw/T1-dark 120 s-0102.fits','0000000000000000000000000000000000000000000000000000000000000078',24,32,'2026-11-22 01:02:00.000000','Camera of T1',120.0,-25.5,-10.02,76.0,95.25,5.25,-5.5,12.5,1,60000.0,0.25,'{"pixel_size_um": [3.76, 3.76], "subframe_origin_px": [4, 8], "bayer_pattern": "RGGB", "bayer_offset_px": [0, 1], "downloaded_s": 0.75}',1000.0,1000.4140625,7.41299999999999936761e+00,1023.0,0.0,1000.0,0,'["light"]','{}','dark',120.0,NULL,1,100,30,'Normal',-10.0,NULL);
INSERT INTO "frames" VALUES(4,1,'T1','2026-11-21','raw/T1-dark 120 s-0103.fits','00000000000000000000000000000000000000000000000000000000000000b4',24,32,'2026-11-22 01:03:00.000000','Camera of T1',120.0,-25.5,-10.02,76.0,95.25,5.25,-5.5,12.5,1,60000.0,0.25,'{"pixel_size_um": [3.76, 3.76], "subframe_origin_px": [4, 8], "bayer_pattern": "RGGB", "bayer_offset_px": [0, 1], "downloaded_s": 0.75}',1000.0,9.9999348958333337126e+02,7.41299999999999936761e+00,1021.0,0.0,1000.0,0,'["light leak"]','{}','dark',120.0,NULL,1,100,30,'Normal',-10.0,NULL);
INSERT INTO "frames" VALUES(5,1,'T1','2026-11-21','raw/T1-flat Ha-0110.fits','0000000000000000000000000000000000000000000000000000000000000258',24,32,'2026-11-22 01:10:00.000000','Camera of T1',2.5,-25.5,-10.02,76.0,95.25,5.25,-5.5,12.5,0,60000.0,0.25,'{"pixel_size_um": [3.76, 3.76], "subframe_origin_px": [4, 8], "bayer_pattern": "RGGB", "bayer_offset_px": [0, 1], "downloaded_s": 0.75}',1000.0,1.00019270833333337119e+03,7.41299999999999936761e+00,1023.0,0.0,1000.0,1,'[]','{"stars_percent": 0.5}','flat',2.5,'Ha',1,100,30,'Normal',-10.0,NULL);
INSERT INTO "frames" VALUES(6,1,'T1','2026-11-21','raw/T1-flat Ha-0111.fits','0000000000000000000000000000000000000000000000000000000000000294',24,32,'2026-11-22 01:11:00.000000','Camera of T1',2.5,-25.5,-10.02,76.0,95.25,5.25,-5.5,12.5,0,60000.0,0.25,'{"pixel_size_um": [3.76, 3.76], "subframe_origin_px": [4, 8], "bayer_pattern": "RGGB", "bayer_offset_px": [0, 1], "downloaded_s": 0.75}',1000.0,1.00016666666666662879e+03,7.41299999999999936761e+00,1022.0,0.0,1000.0,1,'[]','{"stars_percent": 0.5}','flat',2.5,'Ha',1,100,30,'Normal',-10.0,NULL);
INSERT INTO "frames" VALUES(7,NULL,'T2','2026-11-21','raw/T2-bias-0120.fits','00000000000000000000000000000000000000000000000000000000000004b0',24,32,'2026-11-22 01:20:00.000000','Camera of T2',0.0,-25.5,-10.02,76.0,95.25,5.25,-5.5,12.5,1,60000.0,0.25,'{"pixel_size_um": [3.76, 3.76], "subframe_origin_px": [4, 8], "bayer_pattern": "RGGB", "bayer_offset_px": [0, 1], "downloaded_s": 0.75}',1000.0,1000.2421875,7.41299999999999936761e+00,1024.0,0.0,1000.0,1,'[]','{}','bias',0.0,NULL,1,100,30,'Normal',-10.0,NULL);
CREATE TABLE master_inputs (
	master INTEGER NOT NULL, 
	frame INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	PRIMARY KEY (master, frame), 
	FOREIGN KEY(master) REFERENCES masters (id), 
	FOREIGN KEY(frame) REFERENCES frames (id)
);
INSERT INTO "master_inputs" VALUES(1,1,'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO "master_inputs" VALUES(1,2,'000000000000000000000000000000000000000000000000000000000000003c');
INSERT INTO "master_inputs" VALUES(1,3,'0000000000000000000000000000000000000000000000000000000000000078');
CREATE TABLE masters (
	id INTEGER NOT NULL, 
	rig VARCHAR NOT NULL, 
	camera VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	method VARCHAR NOT NULL, 
	count INTEGER NOT NULL, 
	built DATETIME NOT NULL, 
	newest_input DATETIME NOT NULL, 
	oldest_input DATETIME NOT NULL, 
	figures JSON NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	exposure_s DOUBLE NOT NULL, 
	filter VARCHAR, 
	binning INTEGER NOT NULL, 
	gain INTEGER, 
	"offset" INTEGER, 
	readout_mode VARCHAR, 
	set_temperature_c DOUBLE, 
	rotator_deg DOUBLE, 
	PRIMARY KEY (id), 
	UNIQUE (path)
);
INSERT INTO "masters" VALUES(1,'T1','Camera of T1','masters/a.fits','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','clip',3,'2026-11-22 03:00:00.000000','2026-11-22 01:02:00.000000','2026-11-22 01:00:00.000000','{"median_adu": 1000.5}','dark',120.0,NULL,1,100,30,'Normal',-10.0,NULL);
CREATE TABLE orders (
	rig VARCHAR NOT NULL, 
	night DATE NOT NULL, 
	made DATETIME NOT NULL, 
	who VARCHAR NOT NULL, 
	flats JSON NOT NULL, 
	PRIMARY KEY (rig, night)
);
INSERT INTO "orders" VALUES('T1','2026-11-21','2026-11-22 01:00:00.000000','ann','[["Ha", 5]]');
CREATE TABLE quarantine (
	frame INTEGER NOT NULL, 
	time DATETIME NOT NULL, 
	who VARCHAR NOT NULL, 
	why VARCHAR NOT NULL, 
	PRIMARY KEY (frame), 
	FOREIGN KEY(frame) REFERENCES frames (id)
);
INSERT INTO "quarantine" VALUES(3,'2026-11-22 04:00:00.000000','ann','light');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	rig VARCHAR NOT NULL, 
	sequence VARCHAR NOT NULL, 
	night DATE NOT NULL, 
	started DATETIME NOT NULL, 
	ended DATETIME, 
	outcome VARCHAR, 
	PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES(1,'T1','darks','2026-11-21','2026-11-22 01:00:00.000000','2026-11-22 02:00:00.000000','complete');
CREATE INDEX ix_masters_rig ON masters (rig);
CREATE INDEX ix_entries_time ON entries (time);
CREATE INDEX ix_events_rig ON events (rig);
CREATE INDEX frames_of_a_set ON frames (rig, kind, good, taken);
CREATE INDEX frames_of_a_night ON frames (night, rig);
COMMIT;
PRAGMA user_version = 4;
