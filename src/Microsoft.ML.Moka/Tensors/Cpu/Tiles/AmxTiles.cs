namespace Microsoft.ML.Moka.Tensors.Cpu.Tiles;

/// <summary>The tiles of the processor (Intel's AMX, TDPBF16PS): <see cref="TileCode"/> in executable memory.</summary>
internal sealed unsafe class AmxTiles : TileUnit
{
    // Its memory is kept for as long as the process lives, as these addresses are.
    private readonly delegate* unmanaged<TileCall*, void> _multiply = Load(TileCode.Multiply);
    private readonly delegate* unmanaged<TileCall*, void> _add = Load(TileCode.Add);
    private readonly delegate* unmanaged<TileCall*, void> _multiplySplit = Load(TileCode.MultiplySplit);
    private readonly delegate* unmanaged<TileCall*, void> _addSplit = Load(TileCode.AddSplit);

    public override string Name => "AMX";

    public override bool HasSplit => true;

    public override void Multiply(TileCall* call, bool split, bool add)
    {
        if (split)
            (add ? _addSplit : _multiplySplit)(call);
        else
            (add ? _add : _multiply)(call);
    }
}
