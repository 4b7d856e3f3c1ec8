using Microsoft.ML.Moka.Datasets;

namespace Microsoft.ML;

/// <summary>Loads data as people have it.</summary>
public static class DatasetCatalog
{
    /// <summary>
    /// Loads the rows of a file (.csv, .tsv, .json, .jsonl, .ndjson, .parquet), or of a folder as Hugging Face's hub has data sets
    /// (<c>data/train-00000-of-00001.parquet</c>, <c>test.jsonl</c>). They are in memory from then on.
    /// </summary>
    /// <remarks>
    /// A CSV or TSV names its columns in the first line, and all of them are text. Of JSON and Parquet, texts are text, whole numbers Int64 (Single where some
    /// are missing), other numbers Single, truth values Boolean (text where some are missing). Lists of texts are vectors of text; other lists, and structures
    /// such as the messages of conversations, are text as JSON has them. Of Parquet, dates, bytes and maps are left out. Numbers
    /// that stand for classes (ClassLabel) become the classes' names, also in lists, where the Parquet file, <c>dataset_infos.json</c> or the head of
    /// <c>README.md</c> has them; a missing text, and the class -1, are empty.
    /// </remarks>
    /// <param name="catalog">The data operations of an <see cref="MLContext"/>.</param>
    /// <param name="path">The file or the folder.</param>
    /// <param name="split">Which rows of a folder: <c>train</c>, <c>validation</c>, <c>test</c>, or another name that its files have.</param>
    /// <returns>The rows.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">A file is cut off or damaged, or there is no such split; the message names file and line.</exception>
    public static IDataView LoadDataset(this DataOperationsCatalog catalog, string path, string split = "train")
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentException.ThrowIfNullOrEmpty(split);
        return TableColumns.Of(TableReader.Read(path, split));
    }
}
