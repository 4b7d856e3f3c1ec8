using Iced.Intel;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu.Tiles;

/// <summary>The frozen bytes are what their readable form assembles to, in both calling conventions: so Windows' is tested where there is none.</summary>
public sealed class VectorTileCodeTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_bytes_are_those_of_the_readable_form(bool add)
    {
        foreach (var isWindows in (bool[])[false, true])
            Assert.Equal(VectorTileAssembly.Assemble(add, isWindows), CodeOf(add, isWindows));
    }

    /// <summary>Decoded again: what is changed may be changed in both calling conventions, or is saved.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_code_changes_no_register_that_belongs_to_the_caller(bool add)
    {
        Register[] saved = [Register.RSI, Register.RDI, Register.RBX, Register.R12];
        Register[] free =
        [
            Register.RAX, Register.RCX, Register.RDX, Register.R8, Register.R9, Register.R10, Register.R11, Register.RSP,
            .. Enumerable.Range(0, 32).Where(i => i is < 6 or > 15).Select(i => Register.ZMM0 + i),
        ];
        foreach (var isWindows in (bool[])[false, true])
        {
            var bytes = CodeOf(add, isWindows);
            var decoder = Decoder.Create(64, bytes);
            var info = new InstructionInfoFactory();
            var codes = new List<Instruction>();
            while (decoder.IP < (ulong)bytes.Length)
                codes.Add(decoder.Decode());
            Assert.DoesNotContain(codes, code => code.IsInvalid);
            Assert.Equal(
                [Mnemonic.Vzeroupper, Mnemonic.Pop, Mnemonic.Pop, Mnemonic.Pop, Mnemonic.Pop, Mnemonic.Ret], codes[^6..].Select(code => code.Mnemonic));
            Assert.Equal(saved, codes.Where(code => code.Mnemonic == Mnemonic.Push).Select(code => code.Op0Register));
            Assert.Equal(saved.Reverse(), codes.Where(code => code.Mnemonic == Mnemonic.Pop).Select(code => code.Op0Register));
            // vzeroupper clears the upper halves of the first sixteen, which belong to nobody.
            var written = codes.Where(code => code.Mnemonic != Mnemonic.Vzeroupper).SelectMany(code => info.GetInfo(code).GetUsedRegisters().ToArray())
                .Where(used => used.Access is OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite or OpAccess.ReadCondWrite)
                .Select(used => used.Register.GetFullRegister()).Distinct();
            Assert.Empty(written.Except(free).Except(saved));
            Assert.Equal(16, codes.Count(code => code.Mnemonic == Mnemonic.Vdpbf16ps));
        }
    }

    private static byte[] CodeOf(bool add, bool isWindows) => TileCode.Of(add ? VectorTileCode.Add : VectorTileCode.Multiply, isWindows);
}
