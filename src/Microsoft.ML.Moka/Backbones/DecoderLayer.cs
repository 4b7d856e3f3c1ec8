using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// One decoder layer: x + o(attention(rope(q), rope(k), v)), then that + down(silu(gate) ∘ up), each on normalized input.
/// Its forward pass disposes its input, as each variable is disposed where it is used last. Where only some rows are wanted, the others give their keys and
/// values and no more.
/// </summary>
internal sealed class DecoderLayer(LlamaConfig config, int index, NormWeight inputNorm, NormWeight outputNorm, IReadOnlyList<LinearMap> maps)
{
    private readonly AttentionHeads _heads = new(config.QueryHeads, config.KeyValueHeads, config.HeadWidth);

    /// <summary>The linear maps in the order of <see cref="LlamaConfig.LayerMaps"/>: q, k, v, o, gate, up, down.</summary>
    public IReadOnlyList<LinearMap> Maps { get; } = maps;

    public Variable Forward(Tape tape, Variable x, LayerPass pass, RowSelection? wanted = null)
    {
        var afterAttention = Attend(tape, x, pass, wanted);
        var normalized = outputNorm.Forward(tape, afterAttention, config.RmsNormEpsilon);
        var gate = Maps[4].Forward(tape, normalized, pass.Adapters);
        var up = Maps[5].Forward(tape, normalized, pass.Adapters);
        normalized.Dispose();
        var activated = tape.SwiGlu(gate, up);
        gate.Dispose();
        up.Dispose();
        var down = Maps[6].Forward(tape, activated, pass.Adapters);
        activated.Dispose();
        return AddResidual(tape, afterAttention, down);
    }

    private Variable Attend(Tape tape, Variable x, LayerPass pass, RowSelection? wanted)
    {
        var normalized = inputNorm.Forward(tape, x, config.RmsNormEpsilon);
        var k = Rotate(tape, Maps[1].Forward(tape, normalized, pass.Adapters), pass.Positions, pass);
        var v = Maps[2].Forward(tape, normalized, pass.Adapters);
        if (wanted is not null)
        {
            normalized = Gather(tape, normalized, wanted);
            x = Gather(tape, x, wanted);
        }
        var q = Rotate(tape, Maps[0].Forward(tape, normalized, pass.Adapters), wanted?.Positions ?? pass.Positions, pass);
        normalized.Dispose();
        if (pass.Cache is not null)
        {
            var (keys, values) = pass.Cache.Append(index, pass.Batch, k.Value, v.Value);
            k.Dispose();
            v.Dispose();
            (k, v) = (tape.Borrow(keys), tape.Borrow(values));
        }
        var attended = tape.Attention(q, k, v, wanted?.Layout ?? pass.Layout, _heads);
        q.Dispose();
        k.Dispose();
        v.Dispose();
        var output = Maps[3].Forward(tape, attended, pass.Adapters);
        attended.Dispose();
        return AddResidual(tape, x, output);
    }

    private static Variable Gather(Tape tape, Variable x, RowSelection wanted)
    {
        var rows = tape.GatherRows(x, wanted.Rows);
        x.Dispose();
        return rows;
    }

    private static Variable AddResidual(Tape tape, Variable x, Variable update)
    {
        var sum = tape.Add(x, update);
        x.Dispose();
        update.Dispose();
        return sum;
    }

    private static Variable Rotate(Tape tape, Variable x, Tensor positions, LayerPass pass)
    {
        var rotated = tape.Rotary(x, positions, pass.Rotary.Cosines, pass.Rotary.Sines);
        x.Dispose();
        return rotated;
    }
}

/// <summary>What all layers of one forward pass share.</summary>
internal sealed record LayerPass(
    RaggedBatch Batch, AttentionLayout Layout, Tensor Positions, RotaryTable.Table Rotary, KeyValueCache? Cache, AdapterPass Adapters);

/// <summary>The rows of a batch whose outputs are wanted, their positions, and whom they attend to.</summary>
internal sealed record RowSelection(Tensor Rows, Tensor Positions, AttentionLayout Layout);
