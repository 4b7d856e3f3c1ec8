using Iced.Intel;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu.Tiles;

/// <summary>The frozen bytes are what their readable form assembles to, in both calling conventions: so Windows' is tested where there is none.</summary>
public sealed unsafe class TileCodeTests
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void The_bytes_are_those_of_the_readable_form(bool split, bool add)
    {
        foreach (var isWindows in (bool[])[false, true])
            Assert.Equal(TileAssembly.Assemble(split, add, isWindows), TileCode.Of(Body(split, add), isWindows));
    }

    /// <summary>Decoded again: what is changed may be changed in both calling conventions, or is saved; there are tiles of every kind of use.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void The_code_changes_no_register_that_belongs_to_the_caller(bool split, bool add)
    {
        Register[] free = [Register.RAX, Register.RCX, Register.RDX, Register.R8, Register.R9, Register.R10, Register.R11, Register.RSP];
        Register[] saved = [Register.RSI, Register.RDI, Register.RBX];
        foreach (var isWindows in (bool[])[false, true])
        {
            var decoder = Decoder.Create(64, TileCode.Of(Body(split, add), isWindows));
            var info = new InstructionInfoFactory();
            var codes = new List<Instruction>();
            while (decoder.IP < (ulong)TileCode.Of(Body(split, add), isWindows).Length)
                codes.Add(decoder.Decode());
            Assert.DoesNotContain(codes, code => code.IsInvalid);
            Assert.Equal([Mnemonic.Tilerelease, Mnemonic.Pop, Mnemonic.Pop, Mnemonic.Pop, Mnemonic.Ret], codes[^5..].Select(code => code.Mnemonic));
            Assert.Equal(saved, codes.Where(code => code.Mnemonic == Mnemonic.Push).Select(code => code.Op0Register));
            Assert.Equal(saved.Reverse(), codes.Where(code => code.Mnemonic == Mnemonic.Pop).Select(code => code.Op0Register));
            var written = codes.SelectMany(code => info.GetInfo(code).GetUsedRegisters().ToArray())
                .Where(used => used.Access is OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite or OpAccess.ReadCondWrite)
                .Select(used => used.Register)
                .Where(register => register is < Register.TMM0 or > Register.TMM7)
                .Select(register => register.GetFullRegister()).Distinct();
            Assert.Empty(written.Except(free).Except(saved));
            Assert.Equal(split ? 12 : 4, codes.Count(code => code.Mnemonic == Mnemonic.Tdpbf16ps));
        }
    }

    /// <summary>What the code knows of the call's fields.</summary>
    [Fact]
    public void The_fields_stand_where_the_code_reads_them()
    {
        TileCall call = default;
        call.Configure();
        var start = (byte*)&call;
        Assert.Equal([0, 8, 16, 32, 40, 48, 56], Offsets(&call));
        Assert.Equal(128, sizeof(TileCall));
        Assert.Equal(1, start[64]);
        for (var tile = 0; tile < 8; tile++)
            Assert.Equal((64, 16), (*(ushort*)(start + 64 + 16 + 2 * tile), start[64 + 48 + tile]));
    }

    private static int[] Offsets(TileCall* call)
    {
        var start = (byte*)call;
        return
        [
            (int)((byte*)&call->A - start), (int)((byte*)&call->B - start), (int)((byte*)&call->From - start), (int)((byte*)&call->To - start),
            (int)((byte*)&call->ToStride - start), (int)((byte*)&call->Steps - start), (int)((byte*)&call->RowBlocks - start),
        ];
    }

    private static ReadOnlySpan<byte> Body(bool split, bool add) => (split, add) switch
    {
        (false, false) => TileCode.Multiply,
        (false, true) => TileCode.Add,
        (true, false) => TileCode.MultiplySplit,
        _ => TileCode.AddSplit,
    };
}
