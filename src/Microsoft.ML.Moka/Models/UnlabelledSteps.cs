using Microsoft.ML.Transforms;

namespace Microsoft.ML.Moka.Models;

/// <summary>A chain for rows that have no label: training needed the mapping of one to keys, and ML.NET refuses rows without it.</summary>
internal static class UnlabelledSteps
{
    /// <summary>The steps of a model, of chains within it too.</summary>
    public static IEnumerable<ITransformer> In(ITransformer model) => model is IEnumerable<ITransformer> chain ? chain.SelectMany(In) : [model];

    /// <summary>Those of the steps that rows of a schema go through: all but mappings to keys of columns that the rows do not have.</summary>
    public static List<ITransformer> For(DataViewSchema schema, IEnumerable<ITransformer> steps)
    {
        var kept = new List<ITransformer>();
        foreach (var step in steps)
        {
            try
            {
                schema = step.GetOutputSchema(schema);
                kept.Add(step);
            }
            catch (Exception e) when (step is ValueToKeyMappingTransformer && e is (ArgumentException or InvalidOperationException))
            {
            }
        }
        return kept;
    }
}
