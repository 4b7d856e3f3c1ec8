using Microsoft.ML.Data;
using Microsoft.ML.Moka;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Inspection;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Interchange.Gguf;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML;

/// <summary>Makes Moka's trainer from an <see cref="MLContext"/>, and saves models safely.</summary>
public static class MokaCatalog
{
    /// <summary>Tunes a 4-bit LLaMA to classify text, with the defaults of <see cref="MokaTrainer.Options"/>.</summary>
    /// <param name="catalog">The trainers of multiclass classification.</param>
    /// <param name="labelColumnName">The label: a key column whose values are the answer words, as MapValueToKey makes it of a text column.</param>
    /// <param name="textColumnName">The text column to be classified.</param>
    /// <param name="backbonePath">
    /// The folder of a LLaMA in Hugging Face form, or a GGUF file; where it is not given, the small backbone inside this package is tuned.
    /// </param>
    /// <param name="numberOfEpochs">
    /// How often training sees each row; 0 to score with the backbone as it is. By default as often as it takes for 300 updates, from 3 to 100 times.
    /// </param>
    /// <param name="validationSet">Rows that are not trained on: the model ends with the weights that predict them best.</param>
    /// <returns>The trainer.</returns>
    /// <exception cref="ArgumentException">An argument makes no sense; the message names all that do not.</exception>
    public static MokaTrainer Moka(
        this MulticlassClassificationCatalog.MulticlassClassificationTrainers catalog,
        string labelColumnName = "Label",
        string textColumnName = "Text",
        string? backbonePath = null,
        int? numberOfEpochs = null,
        IDataView? validationSet = null) =>
        catalog.Moka(new MokaTrainer.Options
        {
            LabelColumnName = labelColumnName,
            TextColumnName = textColumnName,
            BackbonePath = backbonePath,
            NumberOfEpochs = numberOfEpochs,
            ValidationSet = validationSet,
        });

    /// <summary>Tunes a 4-bit LLaMA to classify text.</summary>
    /// <param name="catalog">The trainers of multiclass classification.</param>
    /// <param name="options">Columns, backbone, adapter and training.</param>
    /// <returns>The trainer.</returns>
    /// <exception cref="ArgumentException">An option makes no sense; the message names all that do not.</exception>
    public static MokaTrainer Moka(this MulticlassClassificationCatalog.MulticlassClassificationTrainers catalog, MokaTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new MokaTrainer(MlNetAccess.EnvironmentOf(catalog), options);
    }

    /// <summary>
    /// Tunes a 4-bit LLaMA to tell whether something is true of a text, with the defaults of <see cref="MokaBinaryTrainer.Options"/>.
    /// </summary>
    /// <param name="catalog">The trainers of binary classification.</param>
    /// <param name="labelColumnName">The label: a column of Boolean.</param>
    /// <param name="textColumnName">The text column.</param>
    /// <param name="backbonePath">
    /// The folder of a LLaMA in Hugging Face form, or a GGUF file; where it is not given, the small backbone inside this package is tuned.
    /// </param>
    /// <param name="numberOfEpochs">
    /// How often training sees each row; 0 to score with the backbone as it is. By default as often as it takes for 300 updates, from 3 to 100 times.
    /// </param>
    /// <param name="validationSet">Rows that are not trained on: the model ends with the weights that predict them best.</param>
    /// <returns>The trainer.</returns>
    /// <exception cref="ArgumentException">An argument makes no sense; the message names all that do not.</exception>
    public static MokaBinaryTrainer Moka(
        this BinaryClassificationCatalog.BinaryClassificationTrainers catalog,
        string labelColumnName = "Label",
        string textColumnName = "Text",
        string? backbonePath = null,
        int? numberOfEpochs = null,
        IDataView? validationSet = null) =>
        catalog.Moka(new MokaBinaryTrainer.Options
        {
            LabelColumnName = labelColumnName,
            TextColumnName = textColumnName,
            BackbonePath = backbonePath,
            NumberOfEpochs = numberOfEpochs,
            ValidationSet = validationSet,
        });

    /// <summary>Tunes a 4-bit LLaMA to tell whether something is true of a text.</summary>
    /// <param name="catalog">The trainers of binary classification.</param>
    /// <param name="options">Columns, backbone, adapter and training.</param>
    /// <returns>The trainer.</returns>
    /// <exception cref="ArgumentException">An option makes no sense; the message names all that do not.</exception>
    public static MokaBinaryTrainer Moka(this BinaryClassificationCatalog.BinaryClassificationTrainers catalog, MokaBinaryTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new MokaBinaryTrainer(MlNetAccess.EnvironmentOf(catalog), options);
    }

    /// <summary>Tunes a 4-bit LLaMA to tell a number of a text, with the defaults of <see cref="MokaRegressionTrainer.Options"/>.</summary>
    /// <param name="catalog">The trainers of regression.</param>
    /// <param name="labelColumnName">The label: a column of Single (float).</param>
    /// <param name="textColumnName">The text column.</param>
    /// <param name="backbonePath">
    /// The folder of a LLaMA in Hugging Face form, or a GGUF file; where it is not given, the small backbone inside this package is tuned.
    /// </param>
    /// <param name="numberOfEpochs">How often training sees each row. By default as often as it takes for 300 updates, from 3 to 100 times.</param>
    /// <param name="validationSet">Rows that are not trained on: the model ends with the weights that predict them best.</param>
    /// <returns>The trainer.</returns>
    /// <exception cref="ArgumentException">An argument makes no sense; the message names all that do not.</exception>
    public static MokaRegressionTrainer Moka(
        this RegressionCatalog.RegressionTrainers catalog,
        string labelColumnName = "Label",
        string textColumnName = "Text",
        string? backbonePath = null,
        int? numberOfEpochs = null,
        IDataView? validationSet = null) =>
        catalog.Moka(new MokaRegressionTrainer.Options
        {
            LabelColumnName = labelColumnName,
            TextColumnName = textColumnName,
            BackbonePath = backbonePath,
            NumberOfEpochs = numberOfEpochs,
            ValidationSet = validationSet,
        });

    /// <summary>Tunes a 4-bit LLaMA to tell a number of a text.</summary>
    /// <param name="catalog">The trainers of regression.</param>
    /// <param name="options">Columns, backbone, adapter and training.</param>
    /// <returns>The trainer.</returns>
    /// <exception cref="ArgumentException">An option makes no sense; the message names all that do not.</exception>
    public static MokaRegressionTrainer Moka(this RegressionCatalog.RegressionTrainers catalog, MokaRegressionTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new MokaRegressionTrainer(MlNetAccess.EnvironmentOf(catalog), options);
    }

    /// <summary>
    /// Turns texts into vectors by a frozen 4-bit LLaMA: features for ML.NET's own trainers, and for search by similarity. The defaults are those of
    /// <see cref="MokaEmbeddingEstimator.Options"/>.
    /// </summary>
    /// <param name="catalog">The transforms of text.</param>
    /// <param name="outputColumnName">The column of vectors that is added.</param>
    /// <param name="textColumnName">The text column.</param>
    /// <param name="backbonePath">
    /// The folder of a LLaMA in Hugging Face form, or a GGUF file; where it is not given, the small backbone inside this package is used.
    /// </param>
    /// <param name="adapterPath">The folder of an adapter that the backbone was tuned with; where it is not given, the backbone stays as it is.</param>
    /// <returns>The estimator.</returns>
    /// <exception cref="ArgumentException">An argument makes no sense; the message names all that do not.</exception>
    public static MokaEmbeddingEstimator MokaEmbedding(
        this TransformsCatalog.TextTransforms catalog, string outputColumnName = "Features", string textColumnName = "Text", string? backbonePath = null,
        string? adapterPath = null) =>
        catalog.MokaEmbedding(new MokaEmbeddingEstimator.Options
        {
            OutputColumnName = outputColumnName,
            TextColumnName = textColumnName,
            BackbonePath = backbonePath,
            AdapterPath = adapterPath,
        });

    /// <summary>Turns texts into vectors by a frozen 4-bit LLaMA.</summary>
    /// <param name="catalog">The transforms of text.</param>
    /// <param name="options">Columns, backbone and adapter.</param>
    /// <returns>The estimator.</returns>
    /// <exception cref="ArgumentException">An option makes no sense; the message names all that do not.</exception>
    public static MokaEmbeddingEstimator MokaEmbedding(this TransformsCatalog.TextTransforms catalog, MokaEmbeddingEstimator.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new MokaEmbeddingEstimator(MlNetAccess.EnvironmentOf(catalog), options);
    }

    /// <summary>
    /// Saves a model as <c>mlContext.Model.Save</c> does, to a file beside the target that is moved over it when it is complete and on the disk: a failure or a
    /// kill at any moment leaves the earlier model whole. ML.NET's own method empties the earlier file first.
    /// </summary>
    /// <param name="catalog">The model operations of an <see cref="MLContext"/>.</param>
    /// <param name="model">The model.</param>
    /// <param name="inputSchema">The schema of the data that it takes; may be null.</param>
    /// <param name="filePath">The file; of a link, what it leads to. Its folder is made if it is not there.</param>
    /// <exception cref="IOException">The path is a folder or a device, or the disk failed; what was there is there.</exception>
    public static void SaveAtomically(this ModelOperationsCatalog catalog, ITransformer model, DataViewSchema? inputSchema, string filePath)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(filePath);
        AtomicFile.Write(filePath, stream => catalog.Save(model, inputSchema!, stream));
    }

    /// <summary>
    /// Merges the adapter in a folder into a backbone, as <see cref="MokaModel.SaveMerged"/> does with a model's own. Weights are merged one by one; the
    /// backbone is never in memory as a whole.
    /// </summary>
    /// <param name="catalog">The model operations of an <see cref="MLContext"/>.</param>
    /// <param name="backbonePath">The folder of a LLaMA in Hugging Face form, or a GGUF file; null for the small one inside this package.</param>
    /// <param name="adapterFolder">A folder in PEFT's form, written by <see cref="MokaModel.SaveAdapter"/> or by PEFT.</param>
    /// <param name="folder">Where the merged backbone is written; an earlier model there is replaced.</param>
    /// <param name="options">The form of the merged weights; by default the precision that the backbone has on disk.</param>
    /// <exception cref="ArgumentException">An option makes no sense, or the folder is the backbone's own.</exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or the adapter does not fit the backbone.</exception>
    /// <exception cref="IOException">The folder holds something else, or cannot be written.</exception>
    public static void Merge(this ModelOperationsCatalog catalog, string? backbonePath, string adapterFolder, string folder, MergeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrEmpty(adapterFolder);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        MergedFolder.WriteOf(BackboneSource.Open(backbonePath), adapterFolder, folder, options ?? new MergeOptions());
    }

    /// <summary>
    /// Writes a backbone with its linear maps in another form: in 4 bits with double quantization in bitsandbytes' layout, which transformers loads too, or
    /// (<see cref="BackboneQuantization.None"/>) such a backbone in full precision again. Weights are written one by one.
    /// </summary>
    /// <param name="catalog">The model operations of an <see cref="MLContext"/>.</param>
    /// <param name="backbonePath">The folder of a LLaMA in Hugging Face form, or a GGUF file; null for the small one inside this package.</param>
    /// <param name="folder">Where the backbone is written; an earlier model there is replaced.</param>
    /// <param name="options">The form of the weights. Default: NF4.</param>
    /// <inheritdoc cref="Merge" path="/exception"/>
    public static void Quantize(this ModelOperationsCatalog catalog, string? backbonePath, string folder, MergeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        MergedFolder.WriteOf(BackboneSource.Open(backbonePath), null, folder, options ?? new MergeOptions { Quantization = BackboneQuantization.NF4 });
    }

    /// <summary>
    /// Writes a backbone as a GGUF file, as it is or with the adapter of a folder merged into it, as <see cref="MokaModel.SaveGguf"/> does with a model's own.
    /// Weights are written one by one; the backbone is never in memory as a whole.
    /// </summary>
    /// <param name="catalog">The model operations of an <see cref="MLContext"/>.</param>
    /// <param name="backbonePath">The folder of a LLaMA in Hugging Face form, or a GGUF file; null for the small one inside this package.</param>
    /// <param name="adapterFolder">A folder in PEFT's form, written by <see cref="MokaModel.SaveAdapter"/> or by PEFT; null for the backbone as it is.</param>
    /// <param name="path">The file, which ends in <c>.gguf</c>; an earlier one is replaced.</param>
    /// <param name="options">The form of the weights; by default F16.</param>
    /// <exception cref="ArgumentException">An option makes no sense, or the path is not that of a GGUF file, or that of the backbone.</exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, the adapter does not fit the backbone, or the form cannot hold a weight.</exception>
    /// <exception cref="InvalidOperationException">llama.cpp has no such model or tokenizer, and would compute something else.</exception>
    public static void SaveGguf(
        this ModelOperationsCatalog catalog, string? backbonePath, string? adapterFolder, string path, GgufOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrEmpty(path);
        GgufExport.WriteOf(BackboneSource.Open(backbonePath), adapterFolder, path, options ?? new GgufOptions());
    }

    /// <summary>
    /// Looks into the adapter in a folder, as <see cref="MokaModel.Inspect"/> does into a model's own, whatever it was trained for. The CPU does it.
    /// </summary>
    /// <param name="catalog">The model operations of an <see cref="MLContext"/>.</param>
    /// <param name="backbonePath">The folder of a LLaMA in Hugging Face form, or a GGUF file; null for the small one inside this package.</param>
    /// <param name="adapterFolder">A folder in PEFT's form, written by <see cref="MokaModel.SaveAdapter"/> or by PEFT.</param>
    /// <param name="largestSpectrum">The most singular values of an update that are computed, at least 0.</param>
    /// <returns>Records, which are also an <see cref="IDataView"/> and pictures.</returns>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or the adapter does not fit the backbone.</exception>
    public static AdapterInspection InspectAdapter(
        this ModelOperationsCatalog catalog, string? backbonePath, string adapterFolder, int largestSpectrum = 512)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrEmpty(adapterFolder);
        ArgumentOutOfRangeException.ThrowIfNegative(largestSpectrum);
        var source = BackboneSource.Open(backbonePath);
        var config = LlamaConfigFile.Read(source.Files);
        using var stored = StoredAdapter.Open(adapterFolder, config.LinearMaps, config.Shape);
        using var backend = new CpuBackend();
        using var backbone = LlamaBackbone.Load(backend, source.Files, new(BackboneQuantization.NF4));
        using var adapters = stored.Load(backend);
        return new Inspector(backbone, largestSpectrum).Inspect(adapters);
    }

    /// <summary>
    /// Takes an adapter out of a model that it was merged into: the backbone's weights as they were, but for rounding. DoRA's merged weights do not tell what
    /// they were before.
    /// </summary>
    /// <param name="catalog">The model operations of an <see cref="MLContext"/>.</param>
    /// <param name="mergedFolder">A folder in full precision that <see cref="MokaModel.SaveMerged"/>, or PEFT's merge, wrote.</param>
    /// <param name="adapterFolder">The adapter that is merged into it, as <see cref="MokaModel.SaveAdapter"/> or PEFT wrote it.</param>
    /// <param name="folder">Where the backbone is written; an earlier model there is replaced.</param>
    /// <exception cref="InvalidDataException">A file is damaged, adapter and model do not fit each other, or the weights are quantized.</exception>
    /// <exception cref="InvalidOperationException">The adapter's method cannot be taken out.</exception>
    public static void Unmerge(this ModelOperationsCatalog catalog, string mergedFolder, string adapterFolder, string folder)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrEmpty(mergedFolder);
        ArgumentException.ThrowIfNullOrEmpty(adapterFolder);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        MergedFolder.Unmerge(mergedFolder, adapterFolder, folder);
    }

    extension(MLContext context)
    {
        /// <summary>The same as <see cref="MLContext.MulticlassClassification"/>.</summary>
        public MulticlassClassificationCatalog MultiClassification => context.MulticlassClassification;

        /// <summary>What tells any number of labels of a row: trainers, and metrics.</summary>
        public MultiLabelCatalog MultiLabelClassification => new(context);

        /// <summary>What generates text: trainers of models that follow instructions.</summary>
        public TextGenerationCatalog TextGeneration => new(context);
    }
}
