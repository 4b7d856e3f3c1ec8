using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu.Tiles;

/// <summary>The readable form of <see cref="Microsoft.ML.Moka.Tensors.Cpu.Tiles.VectorTileCode"/>.</summary>
internal static class VectorTileAssembly
{
    // Offsets in TileCall.
    private const int A = 0;
    private const int B = 8;
    private const int From = 16;
    private const int To = 32;
    private const int ToStride = 40;
    private const int Steps = 48;
    private const int RowBlocks = 56;

    private const int Rows = 8;
    private const int StepBytes = 2048;
    private const int TileBytes = 1024;

    // Windows' callees save xmm6 to xmm15.
    private static readonly AssemblerRegisterZMM[] Sums =
        [zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23, zmm24, zmm25, zmm26, zmm27, zmm28, zmm29, zmm30, zmm31];

    private static readonly AssemblerRegisterZMM[] Left = [zmm2, zmm3, zmm4, zmm5];

    public static byte[] Assemble(bool add, bool isWindows)
    {
        var assembler = new Assembler(64);
        Write(assembler, add, isWindows ? rcx : rdi);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }

    private static void Write(Assembler c, bool add, AssemblerRegister64 argument)
    {
        Label blocks = c.CreateLabel(), groups = c.CreateLabel(), steps = c.CreateLabel(), pairs = c.CreateLabel();
        c.mov(rax, argument);
        c.push(rsi);
        c.push(rdi);
        c.push(rbx);
        c.push(r12);
        c.mov(r8, __qword_ptr[rax + A]);
        c.mov(rdi, __qword_ptr[rax + From]);
        c.mov(r10, __qword_ptr[rax + To]);
        c.mov(rsi, __qword_ptr[rax + ToStride]);
        c.mov(rcx, __qword_ptr[rax + RowBlocks]);

        c.Label(ref blocks);
        c.mov(ebx, 32 / Rows);
        c.Label(ref groups);
        for (var i = 0; i < Sums.Length; i++)
        {
            if (add)
                c.vmovups(Sums[i], __zmmword_ptr[rdi + 64 * i]);
            else
                c.vpxord(Sums[i], Sums[i], Sums[i]);
        }
        c.mov(r9, __qword_ptr[rax + B]);
        c.mov(r11, __qword_ptr[rax + Steps]);
        // rdx walks over the depths of eight rows, 64 bytes apart.
        c.mov(rdx, r8);

        c.Label(ref steps);
        c.mov(r12d, 16);
        c.Label(ref pairs);
        c.vmovups(zmm0, __zmmword_ptr[r9]);
        c.vmovups(zmm1, __zmmword_ptr[r9 + TileBytes]);
        for (var row = 0; row < Rows; row++)
        {
            var left = Left[row % Left.Length];
            c.vpbroadcastd(left, __dword_ptr[rdx + 64 * row]);
            c.vdpbf16ps(Sums[2 * row], left, zmm0);
            c.vdpbf16ps(Sums[2 * row + 1], left, zmm1);
        }
        c.add(rdx, 4);
        c.add(r9, 64);
        c.dec(r12d);
        c.jnz(pairs);
        c.add(rdx, StepBytes - 64);
        c.add(r9, TileBytes);
        c.dec(r11);
        c.jnz(steps);

        for (var row = 0; row < Rows; row++)
        {
            c.vmovups(__zmmword_ptr[r10], Sums[2 * row]);
            c.vmovups(__zmmword_ptr[r10 + 64], Sums[2 * row + 1]);
            c.add(r10, rsi);
        }
        if (add)
            c.add(rdi, 64 * Sums.Length);
        c.add(r8, 64 * Rows);
        c.dec(ebx);
        c.jnz(groups);
        // Four groups are one step further; the next block begins after all steps.
        c.mov(r11, __qword_ptr[rax + Steps]);
        c.dec(r11);
        c.shl(r11, 11);
        c.add(r8, r11);
        c.dec(rcx);
        c.jnz(blocks);
        c.vzeroupper();
        c.pop(r12);
        c.pop(rbx);
        c.pop(rdi);
        c.pop(rsi);
        c.ret();
    }
}
