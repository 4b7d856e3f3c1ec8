namespace Microsoft.ML.Moka.Tensors.Cpu.Tiles;

/// <summary>What multiplies tiles of bfloat16: the one seam between the loops and the processor's unit, which tests replace where there is none.</summary>
internal abstract unsafe class TileUnit
{
    /// <summary>What the log calls it.</summary>
    public abstract string Name { get; }

    /// <summary>Whether it multiplies operands with low parts, which takes three products in the place of one.</summary>
    public abstract bool HasSplit { get; }

    /// <param name="call">What is multiplied.</param>
    /// <param name="split">Whether both operands have low parts: high · low + high · high + low · high.</param>
    /// <param name="add">Whether the sums begin with <see cref="TileCall.From"/>.</param>
    public abstract void Multiply(TileCall* call, bool split, bool add);

    /// <summary>A kernel in executable memory, as this system calls it.</summary>
    /// <exception cref="IOException">The system gives no such memory; so say the other exceptions of <see cref="ExecutableMemory.Load"/>.</exception>
    protected static delegate* unmanaged<TileCall*, void> Load(ReadOnlySpan<byte> body) =>
        (delegate* unmanaged<TileCall*, void>)ExecutableMemory.Load(TileCode.Of(body, OperatingSystem.IsWindows()));
}
