"""Brand strings as real machines report them, and the tier each belongs to."""

from __future__ import annotations

from fishvoiced.hardware.tiers import Tier

BRANDS = {
    Tier.INTEL_HIGH_END: """
        13th Gen Intel(R) Core(TM) i9-13900K
        Intel(R) Core(TM) i7-14700K
        Intel(R) Core(TM) i9-14900HX
        Intel(R) Core(TM) i7-14650HX
        12th Gen Intel(R) Core(TM) i7-12700H
        12th Gen Intel(R) Core(TM) i7-12700T
        12th Gen Intel(R) Core(TM) i9-12900HK
        13th Gen Intel(R) Core(TM) i7-13700F
        13th Gen Intel(R) Core(TM) i9-13900KS
        11th Gen Intel(R) Core(TM) i7-11370H @ 3.30GHz
        11th Gen Intel(R) Core(TM) i7-11800H @ 2.30GHz
        11th Gen Intel(R) Core(TM) i9-11900KF @ 3.50GHz
        Intel(R) Core(TM) i7-10700 CPU @ 2.90GHz
        Intel(R) Core(TM) i9-10980XE CPU @ 3.00GHz
        Intel(R) Core(TM) i7-10875H CPU @ 2.30GHz
        Intel(R) Core(TM) i9-9980HK CPU @ 2.40GHz
        Intel(R) Core(TM) i9-9900K CPU @ 3.60GHz
        Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz
        Intel(R) Core(TM) i7-8700K CPU @ 3.70GHz
        Intel(R) Core(TM) i7-8809G CPU @ 3.10GHz
        Intel(R) Core(TM) i7-8750H CPU @ 2.20GHz
        Intel(R) Core(TM) i7-7700K CPU @ 4.20GHz
        Intel(R) Core(TM) i7-6700HQ CPU @ 2.60GHz
        Intel(R) Core(TM) i7-6950X CPU @ 3.00GHz
        Intel(R) Core(TM) i7-5820K CPU @ 3.30GHz
        Intel(R) Core(TM) i7-4790K CPU @ 4.00GHz
        Intel(R) Core(TM) i7-4980HQ CPU @ 2.80GHz
        Intel(R) Core(TM) i7-4800MQ CPU @ 2.70GHz
        Intel(R) Core(TM) Ultra 7 155H
        Intel(R) Core(TM) Ultra 9 185H
        Intel(R) Core(TM) Ultra 9 285H
        Intel(R) Core(TM) Ultra 9 285K
        Intel(R) Core(TM) Ultra 7 265K
        Intel(R) Core(TM) Ultra 7 265
        Intel(R) Core(TM) Ultra 7 265HX
        Intel(R) Core(TM) Ultra X9 388H
        Intel(R) Core(TM) 7 240H
        Intel(R) Core(TM) 9 270H
    """,
    Tier.I5_BASELINE: """
        13th Gen Intel(R) Core(TM) i7-1365U
        Intel(R) Core(TM) i7-1065G7 CPU @ 1.30GHz
        Intel(R) Core(TM) i7-1060NG7 CPU @ 1.20GHz
        11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz
        11th Gen Intel(R) Core(TM) i7-1185GRE @ 2.80GHz
        12th Gen Intel(R) Core(TM) i7-1260P
        12th Gen Intel(R) Core(TM) i7-1250U
        Intel(R) Core(TM) i7-10510U CPU @ 1.80GHz
        Intel(R) Core(TM) i7-10710U CPU @ 1.10GHz
        Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz
        Intel(R) Core(TM) i7-8565U CPU @ 1.80GHz
        Intel(R) Core(TM) i7-7500U CPU @ 2.70GHz
        Intel(R) Core(TM) Ultra 7 155U
        Intel(R) Core(TM) Ultra 7 258V
        Intel(R) Core(TM) Ultra 9 288V
        Intel(R) Core(TM) Ultra 7 165U
        Intel(R) Core(TM) Ultra 5 125H
        Intel(R) Core(TM) Ultra 5 245KF
        Intel(R) Core(TM) Ultra 5 226V
        Intel(R) Core(TM) Ultra 7 355
        Intel(R) Core(TM) 5 120U
        Intel(R) Core(TM) 7 150U
        Intel(R) Core(TM) 5 210H
        12th Gen Intel(R) Core(TM) i5-12400
        12th Gen Intel(R) Core(TM) i5-12400F
        Intel(R) Core(TM) i5-14600K
        13th Gen Intel(R) Core(TM) i5-13600KF
        13th Gen Intel(R) CoreT i5-1350P
        11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz
        11th Gen Intel(R) Core(TM) i5-11260H @ 2.60GHz
        11th Gen Intel(R) Core(TM) i5-11400H @ 2.70GHz
        12th Gen Intel(R) Core(TM) i5-1235U
        12th Gen Intel(R) Core(TM) i5-12500T
        Intel(R) Core(TM) i5-1038NG7 CPU @ 2.00GHz
        Intel(R) Core(TM) i5-1035G1 CPU @ 1.00GHz
        Intel(R) Core(TM) i5-10210U CPU @ 1.60GHz
        Intel(R) Core(TM) i5-10400 CPU @ 2.90GHz
        Intel(R) Core(TM) i5-9500 CPU @ 3.00GHz
        Intel(R) Core(TM) i5-9300H CPU @ 2.40GHz
        Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz
        Intel(R) Core(TM) i5-8400 CPU @ 2.80GHz
        Intel(R) Core(TM) i5-7600K CPU @ 3.80GHz
        Intel(R) Core(TM) i5-6300HQ CPU @ 2.30GHz
        AMD Ryzen 5 7600X 6-Core Processor
        AMD Ryzen 5 3600 6-Core Processor
        AMD Ryzen 5 1600 Six-Core Processor
        AMD Ryzen 5 1600 AF
        AMD Ryzen 5 2400G with Radeon Vega Graphics
        AMD Ryzen 5 5600GT with Radeon Graphics
        AMD Ryzen 5 PRO 5650G with Radeon Graphics
        AMD Ryzen 5 5600X3D 6-Core Processor
        AMD Ryzen 5 8500G w/ Radeon 740M Graphics
        AMD Ryzen 3 3100 4-Core Processor
        AMD Ryzen 3 2200G with Radeon Vega Graphics
    """,
    Tier.INTEL_LOW_END: """
        12th Gen Intel(R) Core(TM) i3-1220P
        12th Gen Intel(R) Core(TM) i3-12100F
        13th Gen Intel(R) Core(TM) i3-1315U
        11th Gen Intel(R) Core(TM) i3-1115G4 @ 3.00GHz
        Intel(R) Core(TM) i3-1005G1 CPU @ 1.20GHz
        Intel(R) Core(TM) i3-8100 CPU @ 3.60GHz
        Intel(R) Core(TM) i3-7100U CPU @ 2.40GHz
        Intel(R) Core(TM) i3-2100 CPU @ 3.10GHz
        Intel(R) Core(TM) i3-N305
        Intel(R) Core(TM) 3 N355
        Intel(R) Core(TM) 3 100U
        Intel(R) N95
        Intel(R) N97
        Intel(R) N100
        Intel(R) N150
        Intel(R) N200
        Intel(R) Celeron(R) N5100 @ 1.10GHz
        Intel(R) Celeron(R) J4105 CPU @ 1.50GHz
        Intel(R) Celeron(R) CPU G1840 @ 2.80GHz
        Intel(R) Pentium(R) Silver N6000 @ 1.10GHz
        Intel(R) Pentium(R) CPU G4560 @ 3.50GHz
        Intel(R) Pentium(R) Dual  CPU  E2180  @ 2.00GHz
        Intel(R) Pentium(R) 4 CPU 3.00GHz
        Intel(R) Atom(TM) CPU N270   @ 1.60GHz
        Intel(R) Atom(TM) x5-Z8350  CPU @ 1.44GHz
        Intel(R) Core(TM)2 Duo CPU     E8400  @ 3.00GHz
        Intel(R) Core(TM)2 Quad CPU    Q6600  @ 2.40GHz
        Intel(R) Core(TM)2 CPU          6600  @ 2.40GHz
        Intel(R) Core(TM) i7 CPU         870  @ 2.93GHz
        Intel(R) Core(TM) i7 CPU       Q 720  @ 1.60GHz
        Intel(R) Core(TM) i7 CPU       M 620  @ 2.67GHz
        Intel(R) Core(TM) i7 CPU       X 980  @ 3.33GHz
        Intel(R) Core(TM) i5 CPU       M 520  @ 2.40GHz
        Intel(R) Core(TM) i7-2600K CPU @ 3.40GHz
        Intel(R) Core(TM) i7-2630QM CPU @ 2.00GHz
        Intel(R) Core(TM) i7-3770K CPU @ 3.50GHz
        Intel(R) Core(TM) i7-3517U CPU @ 1.90GHz
        Intel(R) Core(TM) i5-3470 CPU @ 3.20GHz
        Intel(R) Core(TM) i5-2400 CPU @ 3.10GHz
        Intel(R) Core(TM) i5-4210U CPU @ 1.70GHz
        Intel(R) Core(TM) i5-7200U CPU @ 2.50GHz
        Intel(R) Core(TM) i5-7Y54 CPU @ 1.20GHz
        Intel(R) Core(TM) i5-8210Y CPU @ 1.60GHz
        Intel(R) Core(TM) i5-L16G7 CPU @ 1.40GHz
        Intel(R) Processor U300E
        Intel(R) Processor N100
        Intel(R) 300
        Intel(R) Core(TM) m3-7Y30 CPU @ 1.00GHz
        Intel(R) Core(TM) M-5Y71 CPU @ 1.20GHz
        AMD FX(tm)-8350 Eight-Core Processor
        AMD Phenom(tm) II X4 965 Processor
        AMD Athlon(tm) II X2 250 Processor
        AMD A10-7850K Radeon R7, 12 Compute Cores 4C+8G
        AMD Athlon 3000G with Radeon Vega Graphics
    """,
    Tier.AMD_HIGH_END: """
        AMD Ryzen 9 7950X 16-Core Processor
        AMD Ryzen 9 9950X3D 16-Core Processor
        AMD Ryzen 9 3900X 12-Core Processor
        AMD Ryzen 9 PRO 7945 12-Core Processor
        AMD Ryzen 7 5800X3D 8-Core Processor
        AMD Ryzen 7 9700X 8-Core Processor
        AMD Ryzen 7 8700G w/ Radeon 780M Graphics
        AMD Ryzen 7 5700GE with Radeon Graphics
        AMD Ryzen 7 PRO 5750G with Radeon Graphics
        AMD Ryzen 7 7700 8-Core Processor
        AMD Ryzen 7 3800XT 8-Core Processor
        AMD Ryzen 7 1800X Eight-Core Processor
        AMD Ryzen 7 1700 Eight-Core Processor
        AMD Ryzen 7 8700F 8-Core Processor
        AMD Ryzen Threadripper PRO 7995WX 96-Cores
        AMD Ryzen Threadripper 1950X 16-Core Processor
        AMD Ryzen Threadripper 3990X 64-Core Processor
    """,
    Tier.AMD_MOBILE: """
        AMD Ryzen 9 5900HS with Radeon Graphics
        AMD Ryzen 9 6900HX with Radeon Graphics
        AMD Ryzen 9 7945HX3D with Radeon Graphics
        AMD Ryzen 9 7940HS w/ Radeon 780M Graphics
        AMD Ryzen 7 8845HS w/ Radeon 780M Graphics
        AMD Ryzen 7 PRO 4750U with Radeon Graphics
        AMD Ryzen 7 7735U with Radeon Graphics
        AMD Ryzen 7 3750H with Radeon Vega Mobile Gfx
        AMD Ryzen 7 250 w/ Radeon 780M Graphics
        AMD Ryzen 5 220 w/ Radeon 740M Graphics
        AMD Ryzen 5 5500U with Radeon Graphics
        AMD Ryzen 5 4600H with Radeon Graphics
        AMD Ryzen 5 PRO 2500U w/ Radeon Vega Mobile Gfx
        AMD Ryzen 5 Microsoft Surface (R) Edition
        AMD Ryzen 7 H 255 w/ Radeon 780M Graphics
        AMD Ryzen AI Z2 Extreme
        AMD Ryzen 9 9955HX3D 16-Core Processor
        AMD Ryzen 5 5625C with Radeon Graphics
        AMD Ryzen 3 3200U with Radeon Vega Mobile Gfx
        AMD Ryzen 3 7320U with Radeon Graphics
        AMD Ryzen AI 9 HX 370 w/ Radeon 890M
        AMD Ryzen AI 9 HX PRO 375 w/ Radeon 890M
        AMD Ryzen AI 7 350 w/ Radeon 860M
        AMD RYZEN AI MAX+ 395 w/ Radeon 8060S
        AMD Ryzen AI Max PRO 390 w/ Radeon 8050S
        AMD Ryzen Z1 Extreme
        AMD Ryzen Z2 Go
        AMD Custom APU 0405
        AMD Ryzen Embedded V1605B with Radeon Vega Gfx
        AMD Athlon Silver 3050U with Radeon Graphics
        AMD 3020e with Radeon Graphics
    """,
    Tier.M1_PRO: """
        Apple M1 Pro
        Apple M1 Max
        Apple M1 Ultra
        Apple M2 Ultra
        Apple M3 Max
        Apple M4 Pro
        Apple M5 Max
        M1 Pro
    """,
    Tier.ARM_SBC: """
        Cortex-A53
        Cortex-A76
        ARMv7 Processor rev 4 (v7l)
        ARMv6-compatible processor rev 7 (v6l)
        AArch64 Processor rev 4 (aarch64)
        SAMSUNG EXYNOS (Flattened Device Tree)
        BCM2835
        Raspberry Pi 5 Model B Rev 1.0
        Rockchip RK3588
        RK3399
        NVIDIA Jetson Orin Nano
        Hardkernel ODROID-N2
    """,
    Tier.GENERIC: """
        AMD EPYC 9654 96-Core Processor
        AMD EPYC 7B12
        AMD EPYC 4564P 16-Core Processor
        AMD EPYC-Milan-v2 Processor
        Intel Xeon E312xx (Sandy Bridge, IBRS update)
        AMD EPYC 7763 64-Core Processor
        AMD EPYC-Rome Processor
        AMD EPYC Processor (with IBPB)
        AMD EPYC
        AMD Opteron(tm) Processor 6276
        INTEL(R) XEON(R) GOLD 5520+
        INTEL(R) XEON(R) 6787P
        Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz
        Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz
        Intel(R) Xeon(R) CPU E3-1230 V2 @ 3.30GHz
        Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz
        Intel(R) Xeon(R) W-2145 CPU @ 3.70GHz
        Intel(R) Xeon(R) CPU @ 2.20GHz
        Intel(R) Xeon(R) Processor @ 2.50GHz
        Intel Xeon Processor (Skylake, IBRS)
        Intel Core Processor (Haswell, no TSX, IBRS)
        Intel Core i7 9xx (Nehalem Class Core i7)
        Intel(R) Core(TM) i7 9xx (Nehalem Class Core i7)
        Intel Core 2 Duo P9xxx (Penryn Class Core 2)
        Westmere E56xx/L56xx/X56xx (Nehalem-C)
        QEMU Virtual CPU version 2.5+
        Common KVM processor
        Apple M1 (Virtual)
        Neoverse-N1
        Neoverse-V2
        AWS Graviton3
        Ampere(R) Altra(R) Processor
        NVIDIA Grace
        Snapdragon(R) X Elite - X1E78100 - Qualcomm(R) Oryon(TM) CPU
        Snapdragon(R) X 12-core X1E80100 @ 3.40 GHz
        Snapdragon (TM) 8cx Gen 3 @ 3.0 GHz
        Microsoft SQ3 @ 3.0 GHz
        Hygon C86 7185 32-core Processor
        Genuine Intel(R) CPU 0000 @ 2.40GHz
        AMD Eng Sample: 100-000000514-03_N
    """,
}

CASES = [
    (tier, line.removeprefix("        "))
    for tier, block in BRANDS.items()
    for line in block.splitlines()
    if line.strip()
]
