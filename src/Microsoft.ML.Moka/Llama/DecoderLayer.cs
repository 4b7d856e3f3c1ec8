using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Llama;

/// <summary>
/// One decoder layer: x + o(attention(rope(q), rope(k), v)), then that + down(silu(gate) ∘ up), each on normalized input.
/// Its forward pass disposes its input, as each variable is disposed where it is used last.
/// </summary>
internal sealed class DecoderLayer(LlamaConfig config, int index, NormWeight inputNorm, NormWeight outputNorm, IReadOnlyList<LinearMap> maps)
{
    private readonly AttentionHeads _heads = new(config.QueryHeads, config.KeyValueHeads, config.HeadWidth);

    /// <summary>The linear maps in the order of <see cref="LlamaConfig.LayerMaps"/>: q, k, v, o, gate, up, down.</summary>
    public IReadOnlyList<LinearMap> Maps { get; } = maps;

    public Variable Forward(Tape tape, Variable x, LayerPass pass)
    {
        var afterAttention = Attend(tape, x, pass);
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

    private Variable Attend(Tape tape, Variable x, LayerPass pass)
    {
        var normalized = inputNorm.Forward(tape, x, config.RmsNormEpsilon);
        var q = Rotate(tape, Maps[0].Forward(tape, normalized, pass.Adapters), pass);
        var k = Rotate(tape, Maps[1].Forward(tape, normalized, pass.Adapters), pass);
        var v = Maps[2].Forward(tape, normalized, pass.Adapters);
        normalized.Dispose();
        if (pass.Cache is not null)
        {
            var (keys, values) = pass.Cache.Append(index, pass.Batch, k.Value, v.Value);
            k.Dispose();
            v.Dispose();
            (k, v) = (tape.Borrow(keys), tape.Borrow(values));
        }
        var attended = tape.Attention(q, k, v, pass.Layout, _heads);
        q.Dispose();
        k.Dispose();
        v.Dispose();
        var output = Maps[3].Forward(tape, attended, pass.Adapters);
        attended.Dispose();
        return AddResidual(tape, x, output);
    }

    private static Variable AddResidual(Tape tape, Variable x, Variable update)
    {
        var sum = tape.Add(x, update);
        x.Dispose();
        update.Dispose();
        return sum;
    }

    private static Variable Rotate(Tape tape, Variable x, LayerPass pass)
    {
        var rotated = tape.Rotary(x, pass.Positions, pass.Rotary.Cosines, pass.Rotary.Sines);
        x.Dispose();
        return rotated;
    }
}

/// <summary>What all layers of one forward pass share.</summary>
internal sealed record LayerPass(
    RaggedBatch Batch, AttentionLayout Layout, Tensor Positions, RotaryTable.Table Rotary, KeyValueCache? Cache, AdapterPass Adapters);
