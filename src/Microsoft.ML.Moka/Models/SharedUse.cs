using Microsoft.ML.Moka.Backbones;

namespace Microsoft.ML.Moka.Models;

/// <summary>The use of several models that go through one backbone together.</summary>
internal sealed class SharedUse : IDisposable
{
    private readonly List<TunedBackbone.Usage> _uses = [];

    /// <param name="models">The models, as often as they are named.</param>
    /// <param name="parameter">What errors call the list that they come from.</param>
    /// <exception cref="ArgumentException">They do not go together.</exception>
    /// <exception cref="ObjectDisposedException">A model has been disposed.</exception>
    public SharedUse(IEnumerable<MokaModel> models, string parameter)
    {
        try
        {
            MokaModel? first = null;
            foreach (var model in models.Distinct())
            {
                _uses.Add(model.Weights.Use());
                first ??= model;
                if (!model.Weights.Shared.IsSameAs(first.Weights.Shared))
                    throw new ArgumentException(
                        "The models of one batch are over different backbones, or over one in different forms: pass the requests of each backbone by " +
                        "themselves.", parameter);
                if (!model.Weights.Adapters.ChangesMapsAlone)
                    throw new ArgumentException(
                        "An adapter of the batch changes embedding, head or biases, and not linear maps alone: ask that model by itself.", parameter);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var use in _uses)
            use.Dispose();
        _uses.Clear();
    }
}
