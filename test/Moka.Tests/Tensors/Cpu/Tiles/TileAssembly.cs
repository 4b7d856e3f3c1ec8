using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu.Tiles;

/// <summary>The readable form of <see cref="Microsoft.ML.Moka.Tensors.Cpu.Tiles.TileCode"/>.</summary>
internal static class TileAssembly
{
    // Offsets in TileCall.
    private const int A = 0;
    private const int B = 8;
    private const int From = 16;
    private const int To = 32;
    private const int ToStride = 40;
    private const int Steps = 48;
    private const int RowBlocks = 56;
    private const int Configuration = 64;

    public static byte[] Assemble(bool split, bool add, bool isWindows)
    {
        var assembler = new Assembler(64);
        Write(assembler, split, add, isWindows ? rcx : rdi);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }

    private static void Write(Assembler c, bool split, bool add, AssemblerRegister64 argument)
    {
        Label rows = c.CreateLabel(), steps = c.CreateLabel();
        c.mov(rax, argument);
        c.push(rsi);
        c.push(rdi);
        c.push(rbx);
        c.ldtilecfg(__[rax + Configuration]);
        c.mov(r8, __qword_ptr[rax + A]);
        c.mov(r10, __qword_ptr[rax + To]);
        c.mov(rsi, __qword_ptr[rax + ToStride]);
        c.mov(rcx, __qword_ptr[rax + RowBlocks]);
        c.mov(edx, 64);

        c.Label(ref rows);
        c.mov(r9, __qword_ptr[rax + B]);
        if (add)
        {
            c.mov(rdi, __qword_ptr[rax + From]);
            c.mov(ebx, 128);
            c.tileloadd(tmm0, __[rdi + rbx]);
            c.tileloadd(tmm1, __[rdi + rbx + 64]);
            c.tileloadd(tmm2, __[rdi + rbx + 2048]);
            c.tileloadd(tmm3, __[rdi + rbx + 2048 + 64]);
            // rbx walks over the sums of the next block.
            c.lea(rbx, __[rdi + 4096]);
            c.mov(__qword_ptr[rax + From], rbx);
        }
        else
        {
            c.tilezero(tmm0);
            c.tilezero(tmm1);
            c.tilezero(tmm2);
            c.tilezero(tmm3);
        }
        c.mov(r11, __qword_ptr[rax + Steps]);
        // rdi walks over the rows that will be stored.
        c.mov(rdi, r10);

        c.Label(ref steps);
        c.tileloadd(tmm6, __[r9 + rdx + (split ? 2048 : 0)]);
        c.tileloaddt1(tmm4, __[r8 + rdx]);
        c.tileloadd(tmm7, __[r9 + rdx + (split ? 3072 : 1024)]);
        c.tileloaddt1(tmm5, __[r8 + rdx + 1024]);
        Fetch(c, add);
        MultiplyAdd(c);
        if (split)
        {
            c.tileloadd(tmm6, __[r9 + rdx]);
            c.tileloadd(tmm7, __[r9 + rdx + 1024]);
            MultiplyAdd(c);
            c.tileloaddt1(tmm4, __[r8 + rdx + 2048]);
            c.tileloaddt1(tmm5, __[r8 + rdx + 3072]);
            MultiplyAdd(c);
        }
        c.add(r8, split ? 4096 : 2048);
        c.add(r9, split ? 4096 : 2048);
        c.dec(r11);
        c.jnz(steps);

        c.tilestored(__[r10 + rsi], tmm0);
        c.tilestored(__[r10 + rsi + 64], tmm1);
        c.mov(r11, rsi);
        c.shl(r11, 4);
        c.add(r10, r11);
        c.tilestored(__[r10 + rsi], tmm2);
        c.tilestored(__[r10 + rsi + 64], tmm3);
        c.add(r10, r11);
        c.dec(rcx);
        c.jnz(rows);
        c.tilerelease();
        c.pop(rbx);
        c.pop(rdi);
        c.pop(rsi);
        c.ret();
    }

    private static void Fetch(Assembler c, bool add)
    {
        if (add)
        {
            c.prefetcht0(__byte_ptr[rbx]);
            c.prefetcht0(__byte_ptr[rbx + 64]);
            c.prefetcht0(__byte_ptr[rbx + 128]);
            c.prefetcht0(__byte_ptr[rbx + 192]);
            c.add(rbx, 256);
        }
        for (var row = 0; row < 2; row++)
        {
            c.prefetchw(__byte_ptr[rdi]);
            c.prefetchw(__byte_ptr[rdi + 64]);
            c.add(rdi, rsi);
        }
    }

    private static void MultiplyAdd(Assembler c)
    {
        c.tdpbf16ps(tmm0, tmm4, tmm6);
        c.tdpbf16ps(tmm1, tmm4, tmm7);
        c.tdpbf16ps(tmm2, tmm5, tmm6);
        c.tdpbf16ps(tmm3, tmm5, tmm7);
    }
}
