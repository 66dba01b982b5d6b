V1 :=
V2 :=
V4 :=
LEGACY :=
