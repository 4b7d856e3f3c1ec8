namespace Microsoft.ML.Moka.Tensors.Cpu.Amx;

/// <summary>What multiplies tiles of bfloat16: the one seam between the loops and the processor's unit, which tests replace where there is none.</summary>
internal abstract unsafe class TileUnit
{
    /// <param name="call">What is multiplied.</param>
    /// <param name="split">Whether both operands have low parts: high · low + high · high + low · high.</param>
    /// <param name="add">Whether the sums begin with <see cref="TileCall.From"/>.</param>
    public abstract void Multiply(TileCall* call, bool split, bool add);
}

/// <summary>The tiles of the processor (Intel's AMX, TDPBF16PS): <see cref="TileCode"/> in executable memory.</summary>
internal sealed unsafe class AmxTiles : TileUnit
{
    // Its memory is kept for as long as the process lives, as these addresses are.
    private readonly delegate* unmanaged<TileCall*, void> _multiply = Load(TileCode.Multiply);
    private readonly delegate* unmanaged<TileCall*, void> _add = Load(TileCode.Add);
    private readonly delegate* unmanaged<TileCall*, void> _multiplySplit = Load(TileCode.MultiplySplit);
    private readonly delegate* unmanaged<TileCall*, void> _addSplit = Load(TileCode.AddSplit);

    /// <summary>The code of this system: where the argument comes from, and what is done with it.</summary>
    public static byte[] CodeOf(ReadOnlySpan<byte> body, bool isWindows) => [.. isWindows ? TileCode.WindowsArgument : TileCode.SystemVArgument, .. body];

    public override void Multiply(TileCall* call, bool split, bool add)
    {
        if (split)
            (add ? _addSplit : _multiplySplit)(call);
        else
            (add ? _add : _multiply)(call);
    }

    private static delegate* unmanaged<TileCall*, void> Load(ReadOnlySpan<byte> body) =>
        (delegate* unmanaged<TileCall*, void>)ExecutableMemory.Load(CodeOf(body, OperatingSystem.IsWindows()));
}
